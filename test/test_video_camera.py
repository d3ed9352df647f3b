"""Cameras, as far as they can be tested without one."""

import numpy as np
import pytest
from video_help import make_video, scene, write_images

from tkn_ros.video.camera import CameraSource
from tkn_ros.video.files import ImageFolder
from tkn_ros.video.frame import VideoError
from tkn_ros.video.open import open_source


@pytest.mark.parametrize('spec', [97, '97', '/dev/video97'])
def test_missing_camera(spec, capfd):
    with pytest.raises(VideoError, match='there is no /dev/video97'):
        open_source(spec)
    assert capfd.readouterr().err == ''


def test_a_folder_named_like_a_camera_is_a_folder(tmp_path, monkeypatch):
    write_images(tmp_path / '0', ['0.png'])
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_source('0'), ImageFolder)


def test_camera(tmp_path):
    """OpenCV captures a file as it does a device, which is as near as one gets without one."""
    path = make_video(tmp_path / 'a.mp4', count=10)
    with CameraSource(str(path)) as camera:
        assert (camera.height, camera.width, camera.fps) == (48, 64, 25.0)
        first = list(camera.frames(0, 4))
        rest = list(camera)
        assert len(first) == 4 and len(rest) == 5  # one was taken to learn the size
        stamps = [f.stamp_ns for f in first + rest]
        assert stamps == sorted(stamps)
        assert np.abs(first[0].image.astype(int) - scene(1)).max() <= 12
        assert camera.bad_frames == ['the camera stopped delivering']
        with pytest.raises(VideoError, match='no end'):
            camera.count()


def test_camera_without_a_picture(tmp_path):
    path = tmp_path / 'none'
    path.write_bytes(b'')
    with pytest.raises(VideoError, match='gives no picture'):
        CameraSource(str(path))
