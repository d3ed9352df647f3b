"""What is drawn of a `PredictedKeypoints` message: the active points' paths as arrays."""

from dataclasses import dataclass

import numpy as np

from tkn_ros.msg import PredictedKeypoints


@dataclass(frozen=True)
class Paths:
    """Of the active keypoints, in pixels of the source image.

    Attributes:
        ids: of each, A of them.
        pixels: (1 + m, A, 2), now and at each predicted moment.
        sigma: (1 + m, A), standard deviation [pixel]; 0 now, and where it is not known.
    """

    ids: list[int]
    pixels: np.ndarray
    sigma: np.ndarray

    def band(self, k: int) -> np.ndarray:
        """(6 m, 3 corners, 2): triangles that cover sigma to both sides of the k-th path.

        Two between each two moments, across the path, and four that make a square of the second
        moment, which is what is seen of a point that stays. Empty where sigma is not known.
        """
        sigma, path = self.sigma[:, k], self.pixels[:, k]
        if not sigma.any():
            return np.empty((0, 3, 2))
        along = np.diff(path, axis=0)  # (m, 2)
        length = np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
        across = np.stack([-along[:, 1], along[:, 0]], -1) / length
        near, far = sigma[:-1, None] * across, sigma[1:, None] * across
        a, b, c, d = path[:-1] - near, path[:-1] + near, path[1:] + far, path[1:] - far
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        square = path[1:, None] + sigma[1:, None, None] * corners  # (m, 4, 2)
        following = np.roll(square, -1, axis=1)
        middle = np.broadcast_to(path[1:, None], square.shape)
        fan = np.stack([middle, square, following], 2).reshape(-1, 3, 2)
        return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1), fan])


def active_paths(message: PredictedKeypoints) -> Paths:
    """The active keypoints' paths, from the newest observed frame through all predicted ones."""
    if not message.observed:
        return Paths([], np.empty((1, 0, 2)), np.empty((1, 0)))
    frames = [message.observed[-1], *message.predicted]
    chosen = [k for k, point in enumerate((frames[-1]).keypoints) if point.active]
    rows = [
        [(f.keypoints[k].x, f.keypoints[k].y, f.keypoints[k].sigma) for k in chosen] for f in frames
    ]
    table = np.array(rows, float).reshape(len(frames), len(chosen), 3)
    ids = [frames[0].keypoints[k].id for k in chosen]
    return Paths(ids, table[..., :2], table[..., 2])
