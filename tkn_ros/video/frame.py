"""One picture with its time: what every source yields and every writer takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class VideoError(ValueError):
    """A video, image or bag that cannot be used: one line that says what is wrong and the fix."""


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    Attributes:
        stamp_ns: time of the picture in nanoseconds: from the start for files, ROS time for
            bags, wall clock for cameras.
        image: (H, W, 3) uint8, RGB, C-contiguous.
        frame_id: coordinate frame named by a bag's header, else empty.
    """

    stamp_ns: int
    image: np.ndarray
    frame_id: str = ''
