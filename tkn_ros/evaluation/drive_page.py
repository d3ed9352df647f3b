"""A drive's report as one HTML file that needs nothing else: no network, no other files."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from tkn_ros.evaluation.drive import DriveLog
from tkn_ros.evaluation.drive_pictures import Worst
from tkn_ros.video.stamps import NS

BINS = 300  # of the timeline, fewer where images are few
JPEG_QUALITY = 82
SERIES: dict[str, tuple[tuple[str, str], ...]] = {  # (key, title) by chart
    'Keypoint error [1/64 of the width]': (
        ('err', 'predicted'),
        ('err_stay', 'staying'),
        ('err_constant_velocity', 'constant velocity'),
    ),
    'PSNR [dB]': (('psnr', 'predicted'), ('psnr_repeat_last', 'repeating the last frame')),
    'SSIM': (('ssim', 'predicted'), ('ssim_repeat_last', 'repeating the last frame')),
}
COLOURS = ('#1f6feb', '#b0b7c3', '#e08e2b')


def environment() -> Environment:
    """Of the templates beside this module."""
    return Environment(
        loader=PackageLoader('tkn_ros.evaluation'),
        autoescape=select_autoescape(['j2', 'html'], default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_page(
    path: Path,
    report: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    log: DriveLog,
    worst: Sequence[Worst],
) -> None:
    """Write the page.

    Args:
        path: of the .html file.
        report: what report.json holds.
        rows: what result.jsonl holds.
        log: of the drive.
        worst: its worst moments, the worst first.
    """
    first = log.stamps[0]
    moments = [
        {
            'number': number,
            'seconds': (w.stamp_ns - first) / NS,
            'gain': w.gain,
            'psnr': w.psnr,
            'picture': _data_uri(w.strip),
        }
        for number, w in enumerate(worst, 1)
    ]
    page = environment().get_template('drive.html.j2')
    text = page.render(
        r=report,
        charts=[
            chart(title, [_line(report['per_step'], *key_title) for key_title in series])
            for title, series in SERIES.items()
        ],
        histogram=_bars(report['processing_ms']['histogram']),
        timeline=_timeline(report, rows, log),
        moments=moments,
    )
    path.write_text(text, encoding='utf-8')


def _data_uri(image: np.ndarray) -> str:
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    raw = cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)[1].tobytes()
    return f'data:image/jpeg;base64,{base64.b64encode(raw).decode()}'


def _line(
    steps: Sequence[dict[str, Any]], key: str, title: str
) -> tuple[str, list[tuple[float, float]]]:
    return title, [(row['step'], row[key]) for row in steps if row.get(key) is not None]


def chart(title: str, lines: Sequence[tuple[str, list[tuple[float, float]]]]) -> dict[str, Any]:
    """A line chart in a box of 100 x 100: what the template draws. No line: nothing is drawn.

    Args:
        title: of the vertical axis.
        lines: titles and points (x, y).
    """
    points = [point for _, line in lines for point in line]
    if not points:
        return {'title': title, 'lines': [], 'ticks': [], 'x': []}
    x, y = np.array(points).T
    low, high = float(y.min()), float(y.max())
    if low > 0 and low < 0.6 * high:
        low = 0.0
    span, left, right = (high - low) or 1.0, x.min(), max(x.max(), x.min() + 1)
    return {
        'title': title,
        'lines': [
            {
                'title': name,
                'colour': colour,
                'points': ' '.join(
                    f'{(px - left) / (right - left) * 100:.2f},{100 - (py - low) / span * 100:.2f}'
                    for px, py in line
                ),
            }
            for (name, line), colour in zip(lines, COLOURS)
            if line
        ],
        'ticks': [{'at': 100 - i * 25, 'text': f'{low + span * i / 4:.3g}'} for i in range(5)],
        'x': [f'{left:g}', f'{right:g}'],
    }


def _bars(histogram: dict[str, Any]) -> list[dict[str, Any]]:
    """Bars in a box of 100 x 100, with what they stand for."""
    counts, edges = histogram['counts'], histogram['edges']
    most = max(counts) or 1
    width = 100 / len(counts)
    return [
        {
            'x': i * width,
            'width': width * 0.9,
            'height': count / most * 100,
            'title': f'{edges[i]:.1f} to {edges[i + 1]:.1f} ms: {count}',
        }
        for i, count in enumerate(counts)
    ]


def _timeline(
    report: dict[str, Any], rows: Sequence[dict[str, Any]], log: DriveLog
) -> dict[str, Any]:
    """Everything with a place in time, in shares of the drive's length (0 to 100)."""
    first = min(log.stamps)
    length = max(report['seconds'], 1e-3)

    def at(stamp_ns: int) -> float:
        return (stamp_ns - first) / NS / length * 100

    lanes: dict[str, list[dict[str, Any]]] = {}
    warnings = report['warnings'] or {'events': [], 'warnings': []}
    for kind, key in (('event', 'events'), ('warning', 'warnings')):
        for span in warnings[key]:
            lanes.setdefault(span['zone'], []).append(
                {
                    'kind': kind,
                    'x': span['start'] / length * 100,
                    'width': max((span['end'] - span['start']) / length * 100, 0.15),
                    'title': f'{kind} in {span["zone"]}: {span["start"]} to {span["end"]} s',
                }
            )
    return {
        'ready': _share(log, at),
        'trust': _trust(rows, at),
        'lanes': lanes,
        'gaps': [
            {
                'x': at(gap['stamp_ns']),
                'width': max(gap['seconds'] / length * 100, 0.15),
                'title': f'no image for {gap["seconds"]} s',
            }
            for gap in report['gaps']
        ],
        'resets': [{'x': at(r['stamp_ns']), 'title': r['reason']} for r in report['resets']],
        'marks': [{'x': i * 10, 'text': f'{length * i / 10:.4g} s'} for i in range(11)],
        'at': lambda seconds: seconds / length * 100,
    }


def _share(log: DriveLog, at: Callable[[int], float]) -> list[dict[str, Any]]:
    """By bin, the share of images from which a prediction was made; where there are images."""
    count = min(BINS, max(len(log.stamps) // 3, 1))
    bins = np.clip([int(at(s) / 100 * count) for s in log.stamps], 0, count - 1)
    images = np.bincount(bins, minlength=count)
    ready = np.bincount(bins, np.array(log.ready, float), count)
    return [
        {'x': i * 100 / count, 'width': 100 / count, 'height': ready[i] / images[i] * 100}
        for i in np.flatnonzero(images).tolist()
    ]


def _trust(rows: Sequence[dict[str, Any]], at: Callable[[int], float]) -> list[dict[str, Any]]:
    """By bin, our keypoint error against the better trivial one's, as trust in [0, 1]."""
    count = min(BINS, max(len(rows) // 3, 1))
    sums = np.zeros((count, 3))
    for row in rows:
        if row['err'] is not None:
            i = min(max(int(at(row['stamp_ns']) / 100 * count), 0), count - 1)
            values = (row['err'], row['err_stay'], row['err_constant_velocity'])
            sums[i] += np.array(values) * row['points']
    best = sums[:, 1:].min(1)
    return [
        {
            'x': i * 100 / count,
            'width': 100 / count,
            'height': float(best[i] / max(best[i] + sums[i, 0], 1e-9)) * 100,
        }
        for i in np.flatnonzero(sums[:, 0]).tolist()
    ]
