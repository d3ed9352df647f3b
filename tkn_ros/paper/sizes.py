"""`tkn tables sizes`: Tables III, IV, V, VII and IX of the paper beside this implementation.

One window of 10 frames in, 10 frames out, of 64 x 64 pixels but for the peers (`peer_sizes.py`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tkn_ros.model.build import build
from tkn_ros.model.detector import DetectorConfig, KeypointDetector
from tkn_ros.model.predictor import PredictorConfig, TransformerPredictor
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.model.variants.frame_by_frame import FrameByFrame
from tkn_ros.model.variants.sequential_predictor import INFERRED, STATED
from tkn_ros.model.variants.tkn_sequential import LiteralSequential, TKNSequential
from tkn_ros.paper.flops import Size, measure_size
from tkn_ros.paper.peer_sizes import PEERS, Peer, peer_size, setting_of
from tkn_ros.whole_file import whole_file

WINDOW, SIDE = 10, 64
KERNELS = {  # Table V: one for each layer; the mixed row keeps 3x3 where the map changes its size
    '3x3': (3,) * 6,
    '2x2': (2,) * 6,
    '1x1': (1,) * 6,
    '3x3, 1x1': (1, 3, 1, 1, 3, 1),
}
EXPLICIT = PredictorConfig(latent=False, d_model=48, d_inner=192)  # Table IX: d_model is 3K


@dataclass(frozen=True)
class SizeRow(Size):
    """A size, and what the paper prints for it, as text because of how it rounds.

    Attributes:
        table: of the paper, as a Roman number.
        name: of the line.
        paper_params_m: as printed.
        paper_g: as printed.
        why: ours differs, for rows that do.
    """

    table: str
    name: str
    paper_params_m: str
    paper_g: str
    why: str = ''


class DetectorPass(nn.Module):
    """All that a prediction asks of a detector: n frames encoded, n drawn on the last one."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.detector = KeypointDetector(config)

    def forward(self, frames: Tensor) -> Tensor:
        keypoints, features = self.detector.encode(frames)  # (n, K, 3)
        return self.detector.decode(keypoints, [h[-1:] for h in features])


def size_rows() -> list[SizeRow]:
    """Every row, measured; about ten seconds."""
    sequential = TKNConfig(predictor=INFERRED, process='sequential')
    stated = TKNConfig(predictor=STATED, process='sequential')
    rows = [
        _whole('III', 'TKN', '19.1', '1.6', lambda: build(TKNConfig())),
        _whole('III', 'TKN (w/o tp)', '19.1', '1.6', lambda: FrameByFrame(TKN(TKNConfig()))),
        _whole(
            'III',
            'TKN-Sequential',
            '105',
            '3.5',
            lambda: LiteralSequential(TKNSequential(sequential)),
        ),
        _whole(
            'III',
            'TKN-Sequential, each frame encoded once',
            '105',
            '3.5',
            lambda: build(sequential),
        ),
        _whole(
            'III',
            'TKN-Sequential, widths as stated',
            '105',
            '3.5',
            lambda: LiteralSequential(TKNSequential(stated)),
        ),
        *(_peer(peer) for peer in PEERS),
        _detector('IV', 'TKN detector', '0.1', '1.4', KERNELS['3x3']),
        _predictor('IV', 'TKN predictor', '18.9', '0.2', PredictorConfig()),
    ]
    for name, params, g in (
        ('3x3', '0.14', '1.4'),
        ('2x2', '0.06', '0.5'),
        ('1x1', '0.02', '0.2'),
        ('3x3, 1x1', '0.08', '0.9'),
    ):
        rows.append(_detector('V', name, params, g, KERNELS[name]))
    rows.append(_whole('VII', 'TKN', '19.1', '1.6', lambda: build(TKNConfig())))
    for kind, params, g in (
        ('rnn', '47.5', '1.9'),
        ('lstm', '189.1', '3.3'),
        ('gru', '141.9', '2.8'),
        ('mlp', '14.4', '1.5'),
    ):
        config = TKNConfig(predictor=PredictorConfig(kind=kind))
        rows.append(_whole('VII', f'TKN+{kind.upper()}', params, g, partial(build, config)))
    rows.append(_predictor('IX', 'explicit', '0.7', '0.01', EXPLICIT))
    rows.append(_predictor('IX', 'latent', '18.9', '0.19', PredictorConfig()))
    return rows


def _peer(peer: Peer) -> SizeRow:
    size = peer_size(peer)
    name = f'{peer.name}, {setting_of(peer)}'
    return SizeRow(
        size.params_m,
        size.gmacs_thop,
        size.gmacs_true,
        'III',
        name,
        peer.params_m,
        peer.g,
        peer.why,
    )


def _whole(table: str, name: str, params: str, g: str, make: Callable[[], nn.Module]) -> SizeRow:
    size = measure_size(make, (1, WINDOW, 3, SIDE, SIDE), WINDOW)
    return SizeRow(size.params_m, size.gmacs_thop, size.gmacs_true, table, name, params, g)


def _detector(table: str, name: str, params: str, g: str, kernels: tuple[int, ...]) -> SizeRow:
    config = DetectorConfig(kernels=kernels)
    size = measure_size(lambda: DetectorPass(config), (WINDOW, 3, SIDE, SIDE))
    return SizeRow(size.params_m, size.gmacs_thop, size.gmacs_true, table, name, params, g)


def _predictor(table: str, name: str, params: str, g: str, config: PredictorConfig) -> SizeRow:
    size = measure_size(lambda: TransformerPredictor(config), (1, WINDOW, config.keypoints, 3))
    return SizeRow(size.params_m, size.gmacs_thop, size.gmacs_true, table, name, params, g)


def difference(ours: float, paper: str) -> str:
    """How far ours is from the paper's printed figure, as text: '+1.8 %'; '=' where it is the same.

    The same means to the digits that the paper prints: 0.017 is its 0.02.
    """
    decimals = len(paper.partition('.')[2])
    if f'{ours:.{decimals}f}' == paper:
        return f'= ({ours / float(paper) - 1:+.1%})'
    return f'{ours / float(paper) - 1:+.1%}'


def format_sizes(rows: list[SizeRow]) -> str:
    """The rows as text for a terminal."""
    lines = [
        f'{"":6}{"":40}{"parameters [M]":^26}{"multiply-accumulates [G]":^34}',
        f'{"table":6}{"":40}{"paper":>6}{"ours":>8}{"":3}{"":9}'
        f'{"paper":>6}{"thop":>8}{"":3}{"":9}{"true":>8}',
    ]
    for r in rows:
        lines.append(
            f'{r.table:6}{r.name:40}{r.paper_params_m:>6}{r.params_m:8.3f}   '
            f'{difference(r.params_m, r.paper_params_m):<12}'
            f'{r.paper_g:>3}{r.gmacs_thop:8.3f}   {difference(r.gmacs_thop, r.paper_g):<12}'
            f'{r.gmacs_true:5.3f}'
        )
    lines += ['', *(f'{r.name}: {r.why}.' for r in rows if r.why), '']
    lines.append(
        '"=": equal to every digit the paper prints (in brackets, to its printed figure). '
        'thop: as the paper counted;'
    )
    lines.append(
        'true: the products that are really made. docs/paper.md explains every row that '
        'is not equal.'
    )
    return '\n'.join(lines)


def sizes_as_json(rows: list[SizeRow]) -> dict[str, Any]:
    """{"rows": [{table, name, params_m, gmacs_thop, gmacs_true, paper_params_m, paper_g}]}."""
    return {
        'rows': [
            {
                'table': r.table,
                'name': r.name,
                'params_m': r.params_m,
                'gmacs_thop': r.gmacs_thop,
                'gmacs_true': r.gmacs_true,
                'paper_params_m': float(r.paper_params_m),
                'paper_g': float(r.paper_g),
                **({'why': r.why} if r.why else {}),
            }
            for r in rows
        ]
    }


def write_json(path: str | Path, value: dict[str, Any]) -> None:
    """Write `value` to `path`, whole or not at all."""
    try:
        with whole_file(path) as part:
            part.write_text(json.dumps(value, indent=1) + '\n')
    except OSError as error:
        raise OSError(f'{path} cannot be written: {error.strerror or error}') from None
