"""What the engine says of one camera at one moment: keypoints seen, and keypoints to come."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor


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
    """

    period_ns: int
    observed_ns: list[int]
    observed: np.ndarray
    predicted_ns: list[int]
    predicted: np.ndarray
    seen: list[Observation]
    cells: tuple[int, int]
    active: np.ndarray = None  # type: ignore[assignment]  # none of these four afterwards
    known: np.ndarray = None  # type: ignore[assignment]
    sigma: np.ndarray = None  # type: ignore[assignment]
    ids: np.ndarray = None  # type: ignore[assignment]
    ends: np.ndarray | None = None

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
    """Inverse of `to_pixels` for x and y: (.., 2) pixels -> (.., 2) in model coordinates."""
    scale = np.array(cells[::-1]) / np.array(size[::-1])  # cells a pixel, (x, y)
    cell = (np.asarray(pixels, np.float64) + 0.5) * scale - 0.5
    return cell / (np.array(cells[::-1]) - 1) * 2 - 1
