"""Table III's peers: their sizes in the settings that the paper seems to have used.

It seems to mix frames of 128x128x3 and of 64x64x1; each peer is measured in the setting in which it
comes nearest, 10 frames in and 10 out, and for the work that the paper seems to have counted
(`peer_passes.py`). What a prediction truly costs on equal input is in `tkn tables speed`.
"""

from dataclasses import dataclass

from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.networks import BASELINES
from tkn_ros.paper.flops import Size, measure_size
from tkn_ros.paper.peer_passes import GridKeypointPass, PhyDNetPass, SLAMPPass, StructVRNNPass

FRAMES = 10
COUNTED: dict[str, type[Baseline]] = {
    'phydnet': PhyDNetPass,
    'slamp': SLAMPPass,
    'grid-keypoint': GridKeypointPass,
    'struct-vrnn': StructVRNNPass,
}


@dataclass(frozen=True)
class Peer:
    """A line of Table III, as printed.

    Attributes:
        name: of the line.
        network: a key of `BASELINES`.
        params_m: parameters [1e6]; of networks that the paper does not have, what theirs says.
        g: multiply-accumulates [1e9].
        channels: of a frame.
        side: of the frames [pixel].
        why: ours differs.
    """

    name: str
    network: str
    params_m: str
    g: str
    channels: int = 3
    side: int = 64
    why: str = ''


PEERS = (
    Peer('ConvLSTM', 'convlstm', '4.8', '93.7', side=128),
    Peer('PredRNN', 'predrnn', '6.0', '29.4', channels=1),
    Peer('PredRNNv2', 'predrnnv2', '6.1', '29.6', channels=1),
    Peer(
        'PhyDNet',
        'phydnet',
        '3.0',
        '21.7',
        channels=1,
        why="the authors' widths have 3.09 M; with the pictures of both branches that their code "
        'draws at each step it is 16.7 G, and how 21.7 G came about is not known',
    ),
    Peer(
        'SLAMP',
        'slamp',
        '49.4',
        '95.0',
        why="the authors' code for KTH (g 128, z 50, rnn 256) has these 45.7 M; how 49.4 M came "
        'about is not known',
    ),
    Peer('E3D-LSTM', 'e3d-lstm', '3.7', '270.2', side=128),
    Peer(
        'Grid-Keypoint',
        'grid-keypoint',
        '3.3',
        '26.2',
        why="the authors' widths for KTH; our halves are 18.5 + 13.0 G and 1.5 + 1.9 M, Table IV's "
        '17.7 + 8.5 G and 1.8 + 1.7 M: the paper must have had narrower dynamics',
    ),
    Peer('Struct-VRNN', 'struct-vrnn', '4.3', '11.8'),
)


def peer_size(peer: Peer) -> Size:
    """Measured for one window of 10 frames in, 10 out."""
    config, network = BASELINES[peer.network]
    network = COUNTED.get(peer.network, network)
    setting = config(channels=peer.channels, height=peer.side, width=peer.side, window=FRAMES)
    shape = (1, FRAMES, peer.channels, peer.side, peer.side)
    return measure_size(lambda: network(setting), shape, FRAMES)


def setting_of(peer: Peer) -> str:
    """As text: 64x64x3."""
    return f'{peer.side}x{peer.side}x{peer.channels}'
