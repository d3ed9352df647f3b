"""Two evaluations of the same drives: paired differences with confidence intervals.

Predictions of the same moment are paired. Neighbouring ones share most of what they saw, so that
the bootstrap draws whole blocks of `BLOCK` seconds, of all drives together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tkn_ros.video.stamps import NS

BLOCK = 5.0  # [s]
DRAWS = 2000
CONFIDENCE = 0.95
# figures of result.jsonl, and whether more is better
COMPARED = {'err': False, 'psnr': True, 'ssim': True}


@dataclass(frozen=True)
class Difference:
    """Of one figure, B less A, turned so that above 0 B is the better.

    Attributes:
        figure: its name.
        a: mean of A.
        b: mean of B.
        gain: mean of the paired differences.
        low: lower end of the confidence interval.
        high: its upper end.
        predictions: pairs.
        blocks: that were drawn from.
    """

    figure: str
    a: float
    b: float
    gain: float
    low: float
    high: float
    predictions: int
    blocks: int


def compare_results(a: str | Path, b: str | Path, seed: int = 0) -> list[Difference]:
    """Compare two folders of `tkn evaluate --bag`, of one drive or of many.

    ValueError where they have no drive, or no moment, in common.

    Args:
        a: the one compared with.
        b: the other.
        seed: of the bootstrap.
    """
    drives_a, drives_b = (dict(_drives(Path(folder))) for folder in (a, b))
    common = sorted(set(drives_a) & set(drives_b))
    if not common and len(drives_a) == len(drives_b) == 1:
        common = ['']  # one drive in each, whatever the folders are called
        drives_a, drives_b = ({'': next(iter(d.values()))} for d in (drives_a, drives_b))
    if not common:
        raise ValueError(
            f'{a} and {b} have no drive in common ({_names(drives_a)}; {_names(drives_b)}); '
            'evaluate the same bags into both'
        )
    rows = [(drive, _rows(drives_a[drive]), _rows(drives_b[drive])) for drive in common]
    found = [_difference(figure, rows, seed) for figure in COMPARED]
    differences = [difference for difference in found if difference is not None]
    if not differences:
        raise ValueError(f'{a} and {b} judged no moment that they have in common')
    return differences


def _drives(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted([*folder.glob('result.jsonl'), *folder.glob('*/result.jsonl')]):
        yield path.parent.name, path
    if not folder.is_dir():
        raise ValueError(f'{folder}: no such folder; give one that `tkn evaluate --bag` wrote')


def _names(drives: dict[str, Path]) -> str:
    return ', '.join(drives) or 'no result.jsonl'


def _rows(path: Path) -> dict[int, dict[str, Any]]:
    """By the number of the message, since stamps may repeat."""
    with path.open() as lines:
        try:
            return {row['message']: row for row in map(json.loads, lines)}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f'{path}: not written by `tkn evaluate --bag` ({error})') from None


def _difference(
    figure: str,
    rows: list[tuple[str, dict[int, dict[str, Any]], dict[int, dict[str, Any]]]],
    seed: int,
) -> Difference | None:
    pairs: list[tuple[float, float]] = []
    places: list[tuple[str, int]] = []
    for drive, of_a, of_b in rows:
        for message in of_a.keys() & of_b.keys():
            a, b = of_a[message].get(figure), of_b[message].get(figure)
            if a is not None and b is not None:
                pairs.append((a, b))
                places.append((drive, int(of_a[message]['stamp_ns'] // (BLOCK * NS))))
    if not pairs:
        return None
    a, b = np.array(pairs).T
    gains = (b - a) if COMPARED[figure] else (a - b)
    number = {place: i for i, place in enumerate(sorted(set(places)))}
    block = np.array([number[place] for place in places])
    sums, counts = np.bincount(block, gains), np.bincount(block)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (DRAWS, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    a, b, gain, low, high = (float(v) for v in (a.mean(), b.mean(), gains.mean(), low, high))
    return Difference(figure, a, b, gain, low, high, len(gains), len(sums))


def format_differences(differences: list[Difference]) -> str:
    """For a terminal."""
    head = f'{"":8}{"A":>10}{"B":>10}{"gain of B":>11}   95 % interval'
    lines = [
        f'{d.figure:8}{d.a:10.4f}{d.b:10.4f}{d.gain:+11.4f}   {d.low:+.4f} .. {d.high:+.4f}'
        f'   ({d.predictions} moments, {d.blocks} blocks of {BLOCK:g} s)'
        for d in differences
    ]
    about = 'err: keypoint error in 1/64 of the width, less is better; gain above 0: B is better'
    return '\n'.join([head, *lines, about])


def as_json(differences: list[Difference]) -> list[dict[str, Any]]:
    """What --json writes."""
    return [asdict(difference) for difference in differences]


def failures(differences: list[Difference], limits: dict[str, float]) -> list[str]:
    """The limits that B surely fails: its gain's whole interval is below.

    ValueError for a limit of a figure that was not compared.
    """
    by_name = {difference.figure: difference for difference in differences}
    if unknown := set(limits) - set(by_name):
        raise ValueError(f'{sorted(unknown)[0]} was not compared; there are {", ".join(by_name)}')
    return [
        f'{name}: the gain is surely below {limit:g} ({by_name[name].high:+.4f} at most)'
        for name, limit in limits.items()
        if by_name[name].high < limit
    ]
