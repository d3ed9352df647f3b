"""Frames from a camera attached to this machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from tkn_ros.video.frame import Frame, VideoError
from tkn_ros.video.source import DEFAULT_FPS, Source, checked_fps


class CameraSource(Source):
    """A live camera, by index (0) or device ('/dev/video0').

    Every iteration goes on with the newest frame; stamps are the wall clock at its arrival. It
    ends when the camera stops delivering, which counts as a bad frame.
    """

    def __init__(self, device: int | str, fps: float | None = None) -> None:
        super().__init__(f'camera {device}')
        # asked first, since OpenCV prints warnings of several lines for a device that is missing
        path = Path(f'/dev/video{device}' if isinstance(device, int) else device)
        if sys.platform == 'linux' and not path.exists():
            raise VideoError(f'{self.name}: there is no {path}; plug it in or pass another index')
        self._capture = cv2.VideoCapture(device)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not the oldest queued
        if fps is not None:
            self._capture.set(cv2.CAP_PROP_FPS, checked_fps(fps))
        read, image = self._capture.read()
        if not read:
            self.close()
            raise VideoError(
                f'{self.name}: gives no picture; is another program using it, or access denied?'
            )
        self.height, self.width = image.shape[:2]
        found = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = found if 0 < found <= 1000 else (fps or DEFAULT_FPS)

    def _read(self) -> Iterator[Frame]:
        while True:
            read, image = self._capture.read()
            if not read:
                self._skip('the camera stopped delivering')
                return
            yield Frame(time.time_ns(), cv2.cvtColor(image, cv2.COLOR_BGR2RGB))

    def count(self) -> int:
        raise VideoError(f'{self.name}: a live camera has no end to count to')

    def close(self) -> None:
        self._capture.release()
