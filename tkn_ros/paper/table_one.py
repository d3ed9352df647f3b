"""Tables I and IV as the paper prints them, and which network is which line.

KTH: 64x64x3, 10 -> 10 frames in training, 10 -> 20 in the test. Human3.6M: 128x128x3, 4 -> 4. Batch
32 (16 for SLAMP and E3D-LSTM) in training and 1 in the test, on an RTX 3090.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """A line of Table I for one data set; None where the paper prints nothing.

    Attributes:
        ssim: of predicted frames.
        psnr: of predicted frames [dB].
        train_s: an epoch of training [s].
        ms: a whole prediction [ms].
        train_mb: memory in training [MB].
        test_mb: memory in the test [MB].
    """

    ssim: float | None
    psnr: float | None
    train_s: float
    ms: float
    train_mb: float
    test_mb: float


@dataclass(frozen=True)
class Line:
    """A line of Table I.

    Attributes:
        name: as printed.
        network: a key of `BASELINES`, or "tkn", "tkn-wo-tp", "tkn-sequential".
        kth: its figures on KTH.
        human36m: its figures on Human3.6M; None: not measured there.
    """

    name: str
    network: str
    kth: Figures
    human36m: Figures | None


_PEERS = (
    Line(
        'ConvLSTM',
        'convlstm',
        Figures(0.712, 23.58, 61, 72, 8055, 1779),
        Figures(0.776, None, 63, 32, 6561, 1857),
    ),
    Line(
        'PredRNN',
        'predrnn',
        Figures(0.839, 27.55, 204, 184, 6477, 1721),
        Figures(0.781, None, 462, 47, 5829, 1743),
    ),
    Line('PredRNNv2', 'predrnnv2', Figures(0.838, 28.37, 246, 222, 8307, 1779), None),
    Line(
        'PhyDNet',
        'phydnet',
        Figures(0.854, 26.9, 108, 240, 8491, 2704),
        Figures(0.901, None, 207, 88, 12213, 2353),
    ),
    Line('SLAMP', 'slamp', Figures(0.864, 28.72, 465, 388, 21103, 2295), None),
    Line(
        'E3D-LSTM',
        'e3d-lstm',
        Figures(0.879, 29.31, 879, 338, 21723, 2687),
        Figures(0.869, None, 3154, 167, 18819, 5767),
    ),
    Line(
        'Grid-Keypoint',
        'grid-keypoint',
        Figures(0.837, 27.11, 145, 252, 12661, 2259),
        Figures(0.928, 28.76, 114, 106, 9891, 2003),
    ),
    Line(
        'Struct-VRNN',
        'struct-vrnn',
        Figures(0.766, 24.29, 111, 151, 5661, 1817),
        Figures(0.916, 26.97, 67, 41, 5015, 1962),
    ),
)
_TKN = (
    Line(
        'TKN (w/o tp)',
        'tkn-wo-tp',
        Figures(0.871, 27.71, 35, 86, 3777, 1447),
        Figures(0.958, 30.89, 63, 30, 2179, 1521),
    ),
    Line(
        'TKN-Sequential',
        'tkn-sequential',
        Figures(0.862, 27.73, 44, 154, 6309, 1785),
        Figures(0.946, 29.56, 75, 35, 2653, 1763),
    ),
    Line(
        'TKN',
        'tkn',
        Figures(0.871, 27.71, 35, 17, 4945, 1705),
        Figures(0.958, 30.89, 64, 11, 2561, 1587),
    ),
)
TABLE_1 = {line.network: line for line in (*_PEERS, *_TKN)}
PAPER_PEERS = tuple(line.network for line in _PEERS)
TODAY = {'simvpv2': 'SimVPv2', 'dmvfn': 'DMVFN'}  # which the paper does not have
NAMES = {line.network: line.name for line in _PEERS} | TODAY
NAMES |= {line.network: line.name for line in _TKN}


@dataclass(frozen=True)
class Halves:
    """A line of Table IV: detector and predictor, each as (ms, G, M)."""

    detector: tuple[float, float, float]
    predictor: tuple[float, float, float]


TABLE_4 = {
    'struct-vrnn': Halves((104, 11.8, 0.8), (38, 0.1, 3.5)),
    'grid-keypoint': Halves((142, 17.7, 1.8), (84, 8.5, 1.7)),
    'tkn-wo-tp': Halves((67, 1.4, 0.1), (8.3, 0.2, 18.9)),
    'tkn': Halves((8.2, 1.4, 0.1), (8.3, 0.2, 18.9)),
}
