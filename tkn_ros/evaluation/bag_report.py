"""How good was it: measures a bag of camera and predictions, and draws it."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tkn_ros.evaluation.recorded_keypoints import KeypointCollector
from tkn_ros.evaluation.recorded_predictions import (
    BagLog,
    PredictionRecord,
    Timeline,
    read_records,
)
from tkn_ros.evaluation.recorded_warnings import WarningCollector, draw_zones
from tkn_ros.video.drawing import caption, draw_paths, fit, rows, side_by_side, strip
from tkn_ros.video.frame import VideoError
from tkn_ros.video.metrics import capped_psnr, ssim
from tkn_ros.video.stamps import NS
from tkn_ros.video.writers import VideoWriter, write_gif, write_image
from tkn_ros.warning.zones import WarningSettings, Zone

PROTOCOL = (
    'predicted frames against true ones resized to their size; RGB pixels in [0, 1], data '
    'range 1, SSIM with Gaussian window 11; equal frames count as 60 dB; means over '
    'predictions, then over steps'
)
EVALUATED = 60  # predictions that are measured at most, evenly spread
NO_ZONES = WarningSettings(())
PANEL_HEIGHT = 300  # [pixel]
GIF_SECONDS, GIF_FPS = 6.0, 10.0
NAMES = ('psnr', 'ssim', 'psnr_repeat_last', 'ssim_repeat_last')


@dataclass
class Step:
    """Figures of one future step, one entry for each measured prediction.

    Attributes:
        psnr: of the prediction [dB].
        ssim: of the prediction.
        psnr_repeat_last: of the newest observed frame [dB].
        ssim_repeat_last: of the newest observed frame.
    """

    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    psnr_repeat_last: list[float] = field(default_factory=list)
    ssim_repeat_last: list[float] = field(default_factory=list)


@dataclass
class Sample:
    """One measured prediction with its true future, for the montage.

    Attributes:
        record: the prediction.
        observed: the frames before, (H, W, 3) uint8 each.
        truth: what came, (H, W, 3) uint8 each.
        motion: mean absolute difference of the last true frame to the newest observed one.
    """

    record: PredictionRecord
    observed: list[np.ndarray]
    truth: list[np.ndarray]
    motion: float  # mean absolute difference of the last true frame to the newest observed one


def report(
    bag: str | Path,
    out: str | Path,
    camera: str = '/camera/image_raw',
    namespace: str = 'tkn',
    settings: WarningSettings = NO_ZONES,
) -> dict[str, Any]:
    """Measure and draw a bag of predictions.

    Writes prediction.mp4, prediction.gif and montage.png into the folder `out` and returns the
    figures: frames_in, predictions, dropped, psnr, ssim, psnr_repeat_last, ssim_repeat_last,
    per_step, latency_ms {p50, p99}, fps, evaluated_predictions, protocol, and those of
    `recorded_keypoints.FIGURES` under `keypoints`, and under `zones` those of the warnings that the
    bag holds, by zone. `dropped` counts the images after the first
    predicted one for which no prediction came; latency is from the image's stamp to the publishing
    of its keypoints. Raises VideoError where the bag lacks the topics, or holds no prediction whose
    frames are all there.

    Args:
        bag: a rosbag2 of images and predictions.
        out: folder of the results.
        camera: topic of the images.
        namespace: of the prediction topics.
        settings: the zones that were watched.
    """
    bag, out = Path(bag), Path(out)
    log, timeline = BagLog(), Timeline()
    steps: list[Step] = []
    collector, warnings = KeypointCollector(), WarningCollector(settings)
    stamps: list[int] = []
    best: Sample | None = None
    gif: list[np.ndarray] = []
    with ExitStack() as stack:
        video, rate, every = None, 0.0, 1
        for record in read_records(bag, camera, namespace, timeline, log):
            collector.add(record)
            warnings.add(record)
            panel = _panel(record, settings.zones)
            if video is None:
                period = (
                    float(np.median(np.diff(list(timeline.records))))
                    if (len(timeline.records) > 1)
                    else NS / 30
                )
                rate = NS / period
                every = max(1, round(rate / GIF_FPS))
                video = stack.enter_context(VideoWriter(out / 'prediction.mp4', rate))
            video.write(panel)
            if record.earlier_prediction and len(stamps) % every == 0:
                gif.append(panel)
            if record.frames and not steps:  # what there is to show of a very short clip
                best = Sample(
                    record,
                    [m.image for m in timeline.before(record.stamp, len(record.frames))],
                    [],
                    -1.0,
                )
            if record.frames and len(stamps) % max(1, log.announced // EVALUATED) == 0:
                sample = _measure(record, timeline, steps)
                if sample and (best is None or sample.motion > best.motion):
                    best = sample
            stamps.append(record.stamp)
            gif = gif[: round(GIF_SECONDS * rate / every)]
        if not log.images:
            raise VideoError(f'{bag}: it holds no image on {camera}')
        if not log.predicted:
            raise VideoError(
                f'{bag}: it holds no prediction; the clip may be shorter than the '
                'window, or the predictor did not receive its images'
            )
        if best is None:
            raise VideoError(
                f'{bag}: it holds predicted keypoints and no prediction with all of its frames: '
                'they could not be drawn and recorded as fast as the camera came; choose a smaller '
                '--output-size or a smaller --horizon'
            )
    write_gif(out / 'prediction.gif', gif or [panel], rate / every, max_width=640)
    write_image(out / 'montage.png', _montage(best))
    figures = {'keypoints': collector.figures(), 'zones': warnings.figures()}
    return {**_summary(log, steps, stamps), **figures}


def _panel(record: PredictionRecord, zones: Sequence[Zone]) -> np.ndarray:
    """The frame as it was, with zones, beside the frame as it had been predicted."""
    height, width = record.image.shape[:2]
    size = (PANEL_HEIGHT, round(PANEL_HEIGHT * width / height))
    actual = fit(record.image, *size)
    if record.paths is not None:
        actual = draw_paths(record.image, record.paths, size)
    actual = draw_zones(actual, zones, record.warnings, (height, width))
    if record.earlier_prediction is None:
        predicted, text = np.full_like(actual, 24), 'predicted: waiting for the first window'
    else:
        frame, ago = record.earlier_prediction
        predicted, text = fit(frame, *size), f'the same moment, predicted {ago / NS:.2f} s ago'
    return side_by_side(
        [caption(actual, 'actual, keypoints and their predicted paths'), caption(predicted, text)]
    )


def _measure(record: PredictionRecord, timeline: Timeline, steps: list[Step]) -> Sample | None:
    """Add one prediction's figures to `steps`; None where its future is incomplete."""
    height, width = record.frames[0].shape[:2]
    last = fit(record.image, height, width)
    nearest = [timeline.nearest(s, record.period // 2) for s in record.future_stamps]
    truth = [m for m in nearest if m is not None]
    if len(truth) < len(nearest):
        return None
    steps += [Step() for _ in range(len(truth) - len(steps))]
    for step, predicted, actual in zip(steps, record.frames, truth):
        true = fit(actual.image, height, width)
        step.psnr.append(capped_psnr(predicted, true))
        step.ssim.append(ssim(predicted, true))
        step.psnr_repeat_last.append(capped_psnr(last, true))
        step.ssim_repeat_last.append(ssim(last, true))
    motion = float(np.abs(true.astype(np.float32) - last).mean())
    return Sample(
        record,
        [m.image for m in timeline.before(record.stamp, len(truth))],
        [m.image for m in truth],
        motion,
    )


def _montage(sample: Sample) -> np.ndarray:
    height, width = sample.record.image.shape[:2]
    cell = (round(128 * height / width), 128)
    seconds = (sample.record.future_stamps[-1] - sample.record.stamp) / NS
    return rows(
        [
            (strip(frames, *cell, 6), text)
            for frames, text in (
                (sample.observed, 'observed, the newest on the right'),
                (sample.truth, f'what came in the next {seconds:.2f} s'),
                (sample.record.frames, f'what had been predicted for the next {seconds:.2f} s'),
            )
            if frames
        ]
    )


def _summary(log: BagLog, steps: list[Step], stamps: list[int]) -> dict[str, Any]:
    def mean(values: list[Any]) -> float | None:
        return round(float(np.mean(values)), 4) if values else None

    per_step = [
        {'step': j + 1, **{name: mean(getattr(step, name)) for name in NAMES}}
        for j, step in enumerate(steps)
    ]
    predicted = set(log.predicted)
    seconds = (log.published[-1] - log.published[0]) / NS
    latency = (np.array(log.published) - np.array(log.predicted)) / 1e6
    return {
        'frames_in': log.images,
        'predictions': len(log.predicted),
        'dropped': sum(s not in predicted for s in stamps if s > log.predicted[0]),
        **{name: mean([row[name] for row in per_step]) for name in NAMES},
        'per_step': per_step,
        'latency_ms': {f'p{p}': round(float(np.percentile(latency, p)), 2) for p in (50, 99)},
        'fps': round((len(predicted) - 1) * len(steps) / seconds, 1) if seconds else None,
        'evaluated_predictions': len(steps[0].psnr) if steps else 0,
        'protocol': PROTOCOL,
    }
