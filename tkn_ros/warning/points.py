"""What a warning is decided from: keypoints seen and foreseen, of one camera at one moment."""

from dataclasses import dataclass

import numpy as np

NS = 1_000_000_000


@dataclass(frozen=True)
class ForeseenPoints:
    """K keypoints in pixels of the source image: x right, y down, 0 at a pixel's centre.

    Raises ValueError where shapes disagree or stamps do not increase.

    Attributes:
        ids: (K,) int, the same for the same point across predictions.
        active: (K,) bool, which stand for something that moves; only these are judged.
        observed: (n, K, 2) float, the last row is the newest frame's.
        observed_ns: (n,) int, stamps of `observed` [ns].
        predicted: (m, K, 2) float; m may be 0.
        predicted_ns: (m,) int, stamps of `predicted` [ns].
        sigma: (m, K) float, standard deviation of x and of y [pixel]; 0 where unknown.
        frame_period: between two frames [s].
        size: (height, width) of the image [pixel].
    """

    ids: np.ndarray
    active: np.ndarray
    observed: np.ndarray
    observed_ns: np.ndarray
    predicted: np.ndarray
    predicted_ns: np.ndarray
    sigma: np.ndarray
    frame_period: float
    size: tuple[int, int]

    def __post_init__(self) -> None:
        n, k, m = len(self.observed), len(self.ids), len(self.predicted)
        shapes = {
            'active': (k,),
            'observed': (n, k, 2),
            'observed_ns': (n,),
            'predicted': (m, k, 2),
            'predicted_ns': (m,),
            'sigma': (m, k),
        }
        for name, shape in shapes.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f'{name} has shape {np.shape(getattr(self, name))}, expected {shape}: '
                    f'{n} observed and {m} predicted frames of {k} keypoints'
                )
        if not n:
            raise ValueError('observed has no frame, expected at least the newest one')
        if not self.size[0] > 0 or not self.size[1] > 0:
            raise ValueError(f'size is {self.size}, expected (height, width) above 0')
        stamps = np.concatenate([self.observed_ns, self.predicted_ns])
        if (np.diff(stamps) <= 0).any():
            raise ValueError('stamps do not increase from the first observed frame to the last')

    @property
    def stamp_ns(self) -> int:
        """Of the newest observed frame [ns]."""
        return int(self.observed_ns[-1])

    def path(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The newest frame (step 0) and what is predicted from it.

        Returns:
            places (1 + m, K, 2) [pixel], sigma (1 + m, K) [pixel], times (1 + m,) from now [s].
        """
        places = np.concatenate([self.observed[-1:], self.predicted])  # (1 + m, K, 2)
        sigma = np.concatenate([np.zeros((1, len(self.ids))), self.sigma])  # (1 + m, K)
        times = np.concatenate([[0.0], (self.predicted_ns - self.stamp_ns) / NS])  # (1 + m,)
        return places, sigma, times
