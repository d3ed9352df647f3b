"""A whole recording through the sliding window, and what was predicted for it into a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.output_files import made_folder
from tkn_ros.streaming.make_window import make_window
from tkn_ros.streaming.window import SlidingWindow
from tkn_ros.video.bag_writer import IMAGE_TYPE, BagWriter, image_serialiser
from tkn_ros.video.camera import CameraSource
from tkn_ros.video.drawing import fit, side_by_side
from tkn_ros.video.frame import VideoError
from tkn_ros.video.source import Source
from tkn_ros.video.writers import VideoWriter, write_gif, write_image

CAMERA_TOPIC, PREDICTED_TOPIC = '/camera/image_raw', '/tkn/predicted_frames'


@dataclass(frozen=True)
class PredictedFrame:
    """A predicted frame, (H, W, 3) uint8; at: the time that it shows, from: when it was predicted.

    Attributes:
        number: of the frame of the recording that it stands for.
        at_ns: the time that it shows [ns].
        from_ns: when it was predicted [ns].
        image: (H, W, 3) uint8 RGB.
        actual: that frame, (H', W', 3), or None after the end.
    """

    number: int
    at_ns: int
    from_ns: int
    image: np.ndarray
    actual: np.ndarray | None


def predict_frames(
    model: AnyNetwork,
    source: Source,
    horizon: int,
    size: tuple[int, int] | None = None,
    last: bool = False,
) -> Iterator[PredictedFrame]:
    """What had been predicted for each moment, `horizon` frames at a time.

    The first prediction is made when the window is full, each other one when the moments of the one
    before have passed, and one at the end, which runs on into the future.

    Raises VideoError where the recording is shorter than the window, or stops too long within.

    Args:
        model: the network.
        source: what frames are read from.
        horizon: m, frames to predict.
        size: (height, width) of the frames, None for the source's.
        last: the one at the end only.
    """
    window = make_window(model, period_ns=round(1e9 / source.fps))
    size = size or (source.height, source.width)
    waiting: list[PredictedFrame] = []  # predicted, and not yet known what came
    number, ready, newest = -1, False, None
    for number, frame in enumerate(tqdm(source, unit='frame', disable=None)):
        newest = frame
        if window.push(frame.stamp_ns, frame.image):
            yield from waiting  # time jumped: what came then is not known
            waiting = []
        if waiting:
            shown = waiting.pop(0)
            yield PredictedFrame(number, frame.stamp_ns, shown.from_ns, shown.image, frame.image)
        if not waiting and not last and window.ready:
            waiting = _predict(window, number, horizon, size)
            ready = True
    if newest is None or not (ready or window.ready):
        raise VideoError(
            f'{source.name}: {number + 1} frames are too few, or too far apart; the '
            f'window needs {window.window} at {source.fps:g} frames per second; give '
            'a longer recording, or weights of a shorter window'
        )
    if last or (waiting and waiting[0].from_ns != newest.stamp_ns):
        waiting = _predict(window, number, horizon, size) if window.ready else waiting
    yield from waiting


def _predict(
    window: SlidingWindow, number: int, horizon: int, size: tuple[int, int]
) -> list[PredictedFrame]:
    prediction = window.predict(horizon)
    assert prediction is not None  # the window is ready
    images = window.render(prediction, size)  # (m, H, W, 3)
    newest = prediction.newest.stamp_ns
    return [
        PredictedFrame(number + 1 + j, stamp, newest, image, None)
        for j, (stamp, image) in enumerate(zip(prediction.predicted_ns, images))
    ]


def check_out(out: str | Path) -> None:
    """VideoError if nothing can be written there by `predict_video`."""
    out = Path(out)
    known = ('.mp4', '.gif', '.mcap', '.npz')
    if out.suffix.lower() not in (*known, '') and not out.is_dir():
        raise VideoError(
            f'{out}: "{out.suffix}" is not written here; give a name that ends in '
            f'{", ".join(known)}, or a folder'
        )


def predict_video(
    model: AnyNetwork,
    source: Source,
    out: Path,
    horizon: int,
    size: tuple[int, int] | None = None,
    compare: bool = False,
    last: bool = False,
) -> int:
    """Write what `predict_frames` gives to an .mp4, .gif, .mcap or folder; returns how many.

    Args:
        model: the network.
        source: what frames are read from.
        out: an .mp4, .gif, .mcap or folder.
        horizon: m, frames to predict.
        size: (height, width) of the frames; None: the source's.
        compare: with the actual frames beside, or in a bag on a topic of their own.
        last: the one at the end only.
    """
    if isinstance(source, CameraSource):
        raise VideoError(
            f'{source.name}: a live camera has no end; record it first, or run the '
            'predictor node on it'
        )
    frames = predict_frames(model, source, horizon, size, last)
    first = next(frames)  # before anything is written: a recording may be too short
    writers = {'.mp4': _to_video, '.gif': _to_gif, '.mcap': _to_bag}
    write = writers.get(out.suffix.lower(), _to_folder)
    count = 0

    def each() -> Iterator[PredictedFrame]:
        nonlocal count
        for shown in chain([first], frames):
            count += 1
            yield shown

    write(out, each(), source.fps, compare)
    return count


def _picture(shown: PredictedFrame, compare: bool) -> np.ndarray:
    if not compare:
        return shown.image
    height, width = shown.image.shape[:2]
    actual = np.zeros_like(shown.image)
    if shown.actual is not None:
        actual = fit(shown.actual, height, width)
    return side_by_side([actual, shown.image])


def _to_video(out: Path, frames: Iterator[PredictedFrame], fps: float, compare: bool) -> None:
    with VideoWriter(out, fps) as writer:
        for shown in frames:
            writer.write(_picture(shown, compare))


def _to_gif(out: Path, frames: Iterator[PredictedFrame], fps: float, compare: bool) -> None:
    write_gif(out, (_picture(shown, compare) for shown in frames), fps)


def _to_folder(out: Path, frames: Iterator[PredictedFrame], fps: float, compare: bool) -> None:
    with made_folder(out):
        for shown in frames:
            write_image(out / f'frame_{shown.number:06d}.png', _picture(shown, compare))


def _to_bag(out: Path, frames: Iterator[PredictedFrame], fps: float, compare: bool) -> None:
    serialise = image_serialiser()
    with BagWriter(out) as writer:
        for shown in frames:
            writer.write_raw(
                PREDICTED_TOPIC, IMAGE_TYPE, serialise(shown.image, shown.at_ns), shown.from_ns
            )
            if compare and shown.actual is not None:
                writer.write_raw(
                    CAMERA_TOPIC, IMAGE_TYPE, serialise(shown.actual, shown.at_ns), shown.at_ns
                )
