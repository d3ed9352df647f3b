"""Keypoints of many moments of one recording as arrays, and the .npz that `tkn predict` writes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from tkn_ros.model.build import Network
from tkn_ros.streaming.make_window import make_window
from tkn_ros.streaming.prediction import Prediction
from tkn_ros.video.arrays import load_arrays
from tkn_ros.video.camera import CameraSource
from tkn_ros.video.frame import VideoError
from tkn_ros.video.source import Source
from tkn_ros.whole_file import whole_file


@dataclass(frozen=True)
class KeypointRows:
    """One row for each prediction, in pixels of the source: x right, y down, 0 at a pixel's centre.

    Attributes:
        frame: (P,) int64, number of the newest observed frame, 0 for the recording's first.
        observed: (P, K, 2) float32, the keypoints in that frame.
        predicted: (P, m, K, 2) float32, the same 1 .. m frames later.
        active: (P, K) bool, which stand for something that moves.
        sigma: (P, m, K) float32, standard deviation of x and of y; None or 0 where unknown.
        id: (P, K) int64, the same for the same point in all rows.
    """

    frame: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    active: np.ndarray
    sigma: np.ndarray | None = None
    id: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, i: int) -> KeypointRow:
        columns = (getattr(self, f.name) for f in fields(self))
        row: list[Any] = [None if column is None else column[i] for column in columns]
        return KeypointRow(*row)


class KeypointRow(NamedTuple):
    """One prediction: what `KeypointRows` has, less P. 6 kB for K = 32 and m = 10."""

    frame: int
    observed: np.ndarray
    predicted: np.ndarray
    active: np.ndarray
    sigma: np.ndarray | None
    id: np.ndarray | None


def keypoint_row(number: int, prediction: Prediction) -> KeypointRow:
    """number: of the prediction's newest frame."""
    pixels = prediction.pixels()
    return KeypointRow(
        number,
        pixels.observed[-1].astype(np.float32),
        pixels.predicted.astype(np.float32),
        np.array(prediction.active, bool),
        pixels.sigma.astype(np.float32),
        np.array(prediction.ids, np.int64),
    )


def predict_keypoints(model: Network, source: Source, horizon: int) -> KeypointRows:
    """The prediction of every frame of a recording from which one can be made; nothing is drawn.

    Held are the pictures of the window, and of each frame one row of keypoints.

    Args:
        model: the network.
        source: what frames are read from.
        horizon: m, frames to predict.

    Raises:
        VideoError: if the recording is shorter than the window, or stops too long within.
    """
    if isinstance(source, CameraSource):
        raise VideoError(
            f'{source.name}: a live camera has no end; record it first, or run the '
            'predictor node on it'
        )
    window = make_window(model, period_ns=round(1e9 / source.fps))
    rows, number = [], -1
    for number, frame in enumerate(tqdm(source, unit='frame', disable=None)):
        window.push(frame.stamp_ns, frame.image)
        prediction = window.predict(horizon)
        if prediction is not None:
            rows.append(keypoint_row(number, prediction))
    if not rows:
        raise VideoError(
            f'{source.name}: {number + 1} frames are too few, or too far apart; the '
            f'window needs {window.window} at {source.fps:g} frames per second; give '
            'a longer recording, or weights of a shorter window'
        )
    return KeypointRows(*(np.stack(column) for column in zip(*rows)))


def write_rows(path: str | Path, rows: KeypointRows, **about: Any) -> None:
    """An .npz of the rows' attributes by name, and of `about`; a file appears only when whole."""
    with whole_file(path) as part:
        arrays: dict[str, Any] = {f.name: getattr(rows, f.name) for f in fields(rows)}
        np.savez(part, **arrays, **about)


def read_rows(path: str | Path) -> KeypointRows:
    """What `write_rows` wrote, or another program: `sigma` and `id` may lack, `about` is passed
    over.

    Raises VideoError where it is no such file.
    """
    try:
        return KeypointRows(**load_arrays(path, tuple(f.name for f in fields(KeypointRows))))
    except (ValueError, TypeError) as error:
        raise VideoError(
            f'{path}: not keypoints as `tkn predict -o OUT.npz` writes them ({error})'
        ) from None
