"""What the engine says of one camera at one moment: keypoints seen, and keypoints to come."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from torch import Tensor

_BY_DEFAULT: Any = None  # what a field was not given, `__post_init__` fills in


@dataclass(frozen=True)
class Observation:
    """One encoded frame.

    Attributes:
        stamp_ns: time [ns].
        keypoints: (K, 3).
        features: those of the backend's `encode`, B = 1.
        image: as received, (H, W, 3) uint8 RGB.
        frame: the same at the network's size.
    """

    stamp_ns: int
    keypoints: Tensor
    features: list[Tensor]
    image: np.ndarray
    frame: np.ndarray

    def at_size(self, size: tuple[int, int] | None) -> np.ndarray:
        """The picture at another size, (H, W, 3) uint8.

        size: (height, width); None for the network's.
        """
        if size is None or size == self.frame.shape[:2]:
            return self.frame
        if size == self.image.shape[:2]:
            return self.image
        height, width = size
        shrinks = height < self.image.shape[0] or width < self.image.shape[1]
        way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(self.image, (width, height), interpolation=way)


@dataclass(frozen=True)
class PixelKeypoints:
    """A prediction's keypoints in pixels of an image, x right and y down, 0 at a pixel's centre.

    Attributes:
        observed: (n, K, 2) float64.
        predicted: (m, K, 2) float64.
        sigma: (m, K) float64, standard deviation of x and of y; 0 where unknown.
    """

    observed: np.ndarray
    predicted: np.ndarray
    sigma: np.ndarray


@dataclass(frozen=True)
class Prediction:
    """Keypoints seen and to come. Coordinates as the model's: x and y in [-1, 1] over the frame.

    Networks whose keypoints are followed say more of them. Without it, as of the paper's own
    networks, all are active and known, sigma is 0 (unknown) and ids are 0 .. K-1.

    Attributes:
        period_ns: time between two samples [ns].
        observed_ns: stamps of `observed` [ns].
        observed: (n, K, 3) float32 at observed_ns, n increasing stamps, the last one the newest
            frame's.
        predicted_ns: stamps of `predicted` [ns].
        predicted: (m, K, 3) float32 at predicted_ns.
        seen: what is drawn on, the n frames nearest to observed_ns.
        cells: the grid (height, width) that the coordinates refer to, see `to_pixels`.
        active: (K,) bool, which stand for something that moves.
        known: (n, K) bool, at which moments each was seen; elsewhere its position is that of the
            nearest moment at which it was.
        sigma: (m, K) float32, standard deviation of x and of y as a share of the image's width.
        ids: (K,) int64, the same for the same point across predictions.
        ends: (3, K, 2) float32, what `motion_maps` draws; None: no maps.
        frames: (m, h, w, 3) uint8 of the network's size, of networks that have no keypoints (K is
            0) and predict frames at once; None: they are drawn from the keypoints.
        frames_finite: whether those were finite numbers before they became bytes.
    """

    period_ns: int
    observed_ns: list[int]
    observed: np.ndarray
    predicted_ns: list[int]
    predicted: np.ndarray
    seen: list[Observation]
    cells: tuple[int, int]
    active: np.ndarray = _BY_DEFAULT
    known: np.ndarray = _BY_DEFAULT
    sigma: np.ndarray = _BY_DEFAULT
    ids: np.ndarray = _BY_DEFAULT
    ends: np.ndarray | None = None
    frames: np.ndarray | None = None
    frames_finite: bool = True

    def __post_init__(self) -> None:
        n, k = self.observed.shape[:2]
        blanks = {
            'active': np.ones(k, bool),
            'known': np.ones((n, k), bool),
            'sigma': np.zeros((len(self.predicted), k), np.float32),
            'ids': np.arange(k),
        }
        for name, blank in blanks.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, blank)

    @property
    def finite(self) -> bool:
        """Whether every number in it is one."""
        numbers = (self.observed, self.predicted, self.sigma)
        return self.frames_finite and all(bool(np.isfinite(values).all()) for values in numbers)

    @property
    def newest(self) -> Observation:
        """The newest frame."""
        return self.seen[-1]

    def pixels(self, size: tuple[int, int] | None = None) -> PixelKeypoints:
        """In pixels of an image of `size` (height, width); None for the newest frame's own."""
        size = size or self.newest.image.shape[:2]
        observed, predicted = (
            to_pixels(k, self.cells, size)[..., :2] for k in (self.observed, self.predicted)
        )
        return PixelKeypoints(observed, predicted, self.sigma.astype(np.float64) * size[1])


class KeypointColumns(NamedTuple):
    """Keypoints of f moments as messages list them.

    Attributes:
        stamps_ns: f, the moments [ns].
        places: (f, K, 2), in pixels of the newest frame.
        intensity: (f, K), at least 0.
        sigma: (f, K), 0 where observed [pixel].
        active: (f, K) bool.
    """

    stamps_ns: list[int]
    places: np.ndarray
    intensity: np.ndarray
    sigma: np.ndarray
    active: np.ndarray


def message_columns(prediction: Prediction) -> tuple[KeypointColumns, KeypointColumns]:
    """What was observed, and what is predicted."""
    pixels = prediction.pixels()
    observed = KeypointColumns(
        prediction.observed_ns,
        pixels.observed,
        # a network may predict a little below nothing; the message says 0 or more
        np.maximum(prediction.observed[..., 2], 0),
        np.zeros(pixels.observed.shape[:2]),
        prediction.active & prediction.known,
    )
    predicted = KeypointColumns(
        prediction.predicted_ns,
        pixels.predicted,
        np.maximum(prediction.predicted[..., 2], 0),
        pixels.sigma,
        np.broadcast_to(prediction.active, pixels.sigma.shape),
    )
    return observed, predicted


def to_pixels(keypoints: np.ndarray, cells: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Model coordinates to pixels of the source image.

    Returns (.., 3) = (x, y in pixels with 0 at a pixel's centre, v).

    Args:
        keypoints: (.., 3) = (x, y, v), x and y in [-1, 1] from the centre of the heatmap's first
            cell to that of its last.
        cells: the heatmap's (height, width).
        size: the image's (height, width) [pixel].
    """
    out = np.array(keypoints, np.float64)
    for axis, (n, pixels) in enumerate(((cells[1], size[1]), (cells[0], size[0]))):
        cell = (out[..., axis] + 1) / 2 * (n - 1)
        out[..., axis] = (cell + 0.5) / n * pixels - 0.5
    return out


def from_pixels(pixels: np.ndarray, cells: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Inverse of `to_pixels` for x and y: (.., 2) in model coordinates.

    Args:
        pixels: (.., 2), x and y.
        cells: (height, width) of the grid whose outermost cells' centres are -1 and 1.
        size: (height, width) of the picture [pixel].
    """
    scale = np.array(cells[::-1]) / np.array(size[::-1])  # cells a pixel, (x, y)
    cell = (np.asarray(pixels, np.float64) + 0.5) * scale - 0.5
    return cell / (np.array(cells[::-1]) - 1) * 2 - 1
