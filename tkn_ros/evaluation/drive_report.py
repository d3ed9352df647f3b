"""One drive evaluated: report.json, result.jsonl, predictions.mcap and report.html in a folder."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from tkn_ros.evaluation.drive import Drive, DriveLog, Judge
from tkn_ros.evaluation.drive_bag import PredictionBag
from tkn_ros.evaluation.drive_page import write_page
from tkn_ros.evaluation.drive_paths import DrivePaths
from tkn_ros.evaluation.drive_pictures import PictureJudge
from tkn_ros.evaluation.drive_rerun import RerunFile
from tkn_ros.evaluation.drive_settings import DriveSettings, versions, window_for
from tkn_ros.evaluation.drive_warnings import DriveWarnings
from tkn_ros.model.checkpoints import DEFAULT_WEIGHTS
from tkn_ros.streaming.path_errors import trust_of
from tkn_ros.streaming.picture_errors import PICTURE_METHODS
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.video.bag_writer import BagWriter
from tkn_ros.video.bags import BagSource
from tkn_ros.video.stamps import NS
from tkn_ros.warning.zones import load_settings
from tkn_ros.whole_file import whole_file

FILES = ('report.html', 'report.json', 'result.jsonl', 'predictions.mcap')
PROTOCOL = (
    'each image through the worker and window of the predictor node with the stamp of its header, '
    'none dropped. Keypoints: predicted places of active keypoints against where the same ids '
    'were seen at the image nearest to each predicted moment (within half a frame period), those '
    'alone that were seen throughout and went at least 2/320 of the width, in 1/64 of the width; '
    'staying: the place in the newest image; constant velocity: the mean of the last four steps. '
    'Pictures: {width} pixels wide, one prediction every {every:g} s, against the images that '
    'came, PSNR capped at 60 dB, SSIM with a Gaussian window of 11; repeating: the newest image. '
    'trust: best / (best + error), best being the better of staying and constant velocity; 0.5 is '
    'no better'
)


def evaluate_drive(
    bag: str | Path,
    folder: str | Path,
    settings: DriveSettings,
    window: SlidingWindow | None = None,
) -> dict[str, Any]:
    """Evaluate a bag; all files appear in `folder`, report.json last. Returns what that holds.

    Raises VideoError or another ValueError where nothing can be said of the bag.

    Args:
        bag: a rosbag of ROS 1 or ROS 2.
        folder: of the results; is made.
        settings: of the evaluation.
        window: of `window_for` these settings, to use again; it is cleared.
    """
    folder = Path(folder)
    zones = load_settings(settings.zones) if settings.zones else None
    source = BagSource(bag, settings.topic or None)
    window = window or window_for(settings)
    window.clear()
    paths = DrivePaths()
    warnings = DriveWarnings(zones) if zones else None
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writer = stack.enter_context(BagWriter(folder / 'predictions.mcap'))
        weights = Path(settings.weights).name or 'default'
        bag_out = PredictionBag(writer, weights, warnings)
        pictures = PictureJudge(
            window,
            settings.drawn_width,
            settings.pictures_every,
            bag_out.add_frames if settings.frames else None,
        )
        judges: list[Judge] = [paths, *([warnings] if warnings else []), bag_out]
        if settings.pictures_every:
            judges.append(pictures)
        if settings.rerun:
            judges.append(stack.enter_context(RerunFile(settings.rerun)))
        log = Drive(source, window, settings, judges).run()
    rows = _rows(paths, pictures, warnings)
    report = {
        'bag': str(bag),
        'topic': source.topic,
        'width': source.width,
        'height': source.height,
        'seconds': round(log.seconds, 3),
        'frame_rate': round(NS / window.period_ns, 4) if window.period_ns else None,
        'period_ns': window.period_ns,
        'window': window.window,
        'counts': log.counts,
        **_headline(paths, pictures),
        'per_step': _per_step(paths, pictures),
        'processing_ms': _times(log),
        'lost': log.lost,
        'bad': log.bad,
        'gaps': log.gaps,
        'resets': log.resets,
        'warnings': warnings.figures(source, settings, log) if warnings else None,
        'protocol': PROTOCOL.format(width=settings.drawn_width, every=settings.pictures_every),
        'backend': f'{window.backend.name} {window.backend.precision} on {window.device}',
        'weights': str(settings.weights or DEFAULT_WEIGHTS.name),
        'versions': versions(),
        **settings.fingerprint(),
    }
    with whole_file(folder / 'result.jsonl') as part, part.open('w') as stream:
        stream.writelines(json.dumps(row) + '\n' for row in rows)
    with whole_file(folder / 'report.html') as part:
        write_page(part, report, rows, log, pictures.worst)
    with whole_file(folder / 'report.json') as part:
        part.write_text(json.dumps(report, indent=1) + '\n')
    return report


def _rows(
    paths: DrivePaths, pictures: PictureJudge, warnings: DriveWarnings | None
) -> list[dict[str, Any]]:
    drawn = {found.stamp_ns: found.figures.mean(0) for found in pictures.found}  # (methods, 2)
    for row in paths.rows:
        stamp = row['stamp_ns']
        if stamp in drawn:
            row.update(_by_method(drawn[stamp]))
        if warnings and stamp in warnings.levels:
            row['warnings'] = warnings.levels[stamp]
    return paths.rows


def _by_method(figures: np.ndarray) -> dict[str, float]:
    """(methods, 2) by name: psnr, ssim, psnr_repeat_last, ssim_repeat_last."""
    return {
        name if method == 'model' else f'{name}_{method}': round(float(value), 4)
        for method, values in zip(PICTURE_METHODS, figures)
        for name, value in zip(('psnr', 'ssim'), values)
    }


def _headline(paths: DrivePaths, pictures: PictureJudge) -> dict[str, Any]:
    out: dict[str, Any] = {
        'judged': {
            'predictions': paths.judged,
            'points': paths.points,
            'unmatched': paths.unmatched,
            'pictures': len(pictures.found),
        },
        'keypoints': None,
        'pictures': None,
    }
    if paths.sums is not None:
        error, stay, velocity = (paths.sums.mean(1) / paths.points).tolist()
        out['keypoints'] = {
            'err': round(error, 4),
            'err_stay': round(stay, 4),
            'err_constant_velocity': round(velocity, 4),
            'ratio_best': round(error / max(min(stay, velocity), 1e-9), 4),
            'trust': round(trust_of(error, stay, velocity), 4),
        }
    if pictures.found:
        figures = np.mean([f.figures.mean(0) for f in pictures.found], 0)
        out['pictures'] = _by_method(figures)
    return out


def _per_step(paths: DrivePaths, pictures: PictureJudge) -> list[dict[str, Any]]:
    steps = paths.per_step()
    if not pictures.found:
        return steps
    figures = np.mean([f.figures for f in pictures.found], 0)  # (m, methods, 2)
    steps = steps or [{'step': j + 1} for j in range(len(figures))]
    return [{**step, **_by_method(of)} for step, of in zip(steps, figures)]


def _times(log: DriveLog) -> dict[str, Any]:
    """Time from an image's bytes to its keypoints [ms]: the part of the latency that is ours."""
    times = np.array(log.processing_ms)
    return {
        **{f'p{p}': round(float(np.percentile(times, p)), 2) for p in (50, 90, 99)},
        'histogram': _histogram(times),
    }


def _histogram(times: np.ndarray, bins: int = 40) -> dict[str, Any]:
    last = float(np.percentile(times, 99.5)) or 1.0
    counts, edges = np.histogram(np.minimum(times, last), bins, (0.0, last * (1 + 1e-9)))
    return {'edges': np.round(edges, 3).tolist(), 'counts': counts.tolist()}
