"""A drive for the Rerun viewer: images, keypoints and predicted paths by the images' stamps."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from tkn_ros.evaluation.drive import DriveStep
from tkn_ros.streaming.path_errors import stamped_paths

TIMELINE = 'stamp'
JPEG_QUALITY = 80


def import_rerun() -> Any:
    """The package; ValueError where it is not installed."""
    try:
        import rerun
    except ImportError:
        raise ValueError("--rerun needs rerun-sdk: pip install 'tkn_ros[rerun]'") from None
    return rerun


class RerunFile:
    """Writes an .rrd file in a `with` block; a judge of `Drive`.

    The image is what the network sees, as JPEG; points and paths are in its pixels, active
    keypoints alone. Nothing is held.

    Args:
        path: of the file; one that is there is replaced.
    """

    def __init__(self, path: str | Path) -> None:
        self._rerun = import_rerun()
        self._stream = self._rerun.RecordingStream('tkn_ros')
        self._stream.save(path)

    def __enter__(self) -> RerunFile:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.disconnect()

    def add(self, step: DriveStep) -> None:
        """The next image."""
        rerun, stream = self._rerun, self._stream
        stream.set_time(TIMELINE, timestamp=np.datetime64(step.stamp_ns, 'ns'))
        bgr = cv2.cvtColor(step.image, cv2.COLOR_RGB2BGR)
        jpeg = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        stream.log('camera', rerun.EncodedImage(contents=jpeg, media_type='image/jpeg'))
        if step.prediction is None:
            for name in ('keypoints', 'paths'):
                stream.log(f'camera/{name}', rerun.Clear(recursive=False))
            return
        paths = stamped_paths(step.prediction)
        active = paths.now.active
        now, ids = paths.now.places[active], paths.now.ids[active]
        lines = np.concatenate([now[None], paths.future[:, active]]).swapaxes(0, 1)  # (K, 1 + m, 2)
        # rerun's pixels have their centres at halves
        stream.log('camera/keypoints', rerun.Points2D(now + 0.5, radii=2.5, class_ids=ids % 2**16))
        stream.log('camera/paths', rerun.LineStrips2D(lines + 0.5, class_ids=ids % 2**16))

    def end(self) -> None:
        """All is written when the block is left."""
