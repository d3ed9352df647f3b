"""Open whatever frames can be read from, by what the path is."""

from __future__ import annotations

from pathlib import Path

from tkn_ros.input_files import InputError, check_regular
from tkn_ros.video.bag_files import STORAGE_SUFFIXES, storage_files
from tkn_ros.video.bags import BagSource
from tkn_ros.video.camera import CameraSource
from tkn_ros.video.files import ImageFolder, VideoFile, image_files
from tkn_ros.video.frame import VideoError
from tkn_ros.video.source import Source


def open_source(
    spec: str | Path | int, topic: str | None = None, fps: float | None = None
) -> Source:
    """Open a source of frames.

    Args:
        spec: a video file; a folder of images; a rosbag2 folder, .mcap, .db3 or ROS 1 .bag; or a
            camera by index (0, '0') or device ('/dev/video0').
        topic: of a bag with several image topics, which one; other sources have no use for it.
        fps: the frame rate of a folder of images (else 25) or asked of a camera; for a video
            file in place of its own; for a bag in place of the rate estimated from its stamps.

    Raises:
        VideoError: one line that says what is wrong with the source and how to fix it.
    """
    if isinstance(spec, int):
        return CameraSource(spec, fps)
    path = Path(spec).expanduser()
    if str(spec).isdecimal() and not path.exists():
        return CameraSource(int(str(spec)), fps)
    if str(spec).startswith('/dev/video'):
        return CameraSource(str(spec), fps)
    if not path.exists():
        raise VideoError(
            f'{path}: no such file or folder; pass a video, a folder of images, a rosbag or a '
            'camera index'
        )
    if path.is_dir():
        return _open_folder(path, topic, fps)
    check_recording(path)
    if path.suffix in (*STORAGE_SUFFIXES, '.bag'):
        return BagSource(path, topic, fps)
    if path.suffix == '.zstd':
        raise VideoError(f'{path}: a compressed part of a rosbag; pass its folder {path.parent}')
    return VideoFile(path, fps)


def check_recording(path: Path) -> None:
    """VideoError for a path that is no regular file: a pipe would be waited for."""
    try:
        check_regular(path, 'a recording')
    except InputError as error:
        raise VideoError(str(error)) from None


def _open_folder(path: Path, topic: str | None, fps: float | None) -> Source:
    if (path / 'metadata.yaml').exists():
        return BagSource(path, topic, fps)
    if image_files(path):
        return ImageFolder(path, fps)
    if storage_files(path):  # a bag that lost its metadata
        return BagSource(path, topic, fps)
    inside = ', '.join(sorted(p.name for p in path.iterdir())[:3])
    raise VideoError(
        f'{path}: neither images nor a rosbag in this folder; '
        + (f'pass one of those in it ({inside}, ...)' if inside else 'it is empty: pass another')
    )


def open_video(video: str, topic: str = '', fps: float = 0.0) -> Source:
    """`open_source` with empty values for "not given"; no video is the demo's synthetic clip.

    Args:
        video: a path; empty: a synthetic clip.
        topic: of a bag with several image topics; empty: its only one.
        fps: frames per second; 0: as recorded.
    """
    if video:
        return open_source(video, topic or None, fps or None)
    from tkn_ros.synthetic.render import SyntheticSource  # only where it is asked for

    return SyntheticSource()
