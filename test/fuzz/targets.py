"""What strangers' bytes reach, as functions of bytes: a ValueError is an answer, all else a fault.

`test/test_fuzz.py` gives them hypothesis' bytes, `test/fuzz/run.py` those of atheris.
"""

import struct
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tkn_ros.datasets.find import find_recordings
from tkn_ros.model.checkpoints import config_from_json, load_checkpoint
from tkn_ros.streaming.select import _read
from tkn_ros.training.settings import load_settings
from tkn_ros.video.encodings import SUPPORTED, compressed_to_rgb, message_to_rgb, to_rgb
from tkn_ros.video.image_cdr import image_reader
from tkn_ros.video.limits import allow_pixels  # noqa: F401 - for those who run the targets
from tkn_ros.video.open import open_source
from tkn_ros.warning.zones import parse_settings

PIXELS = 512 * 512  # that pictures may have: more cases in the same time
SLOW = 1.0  # [s] of computing that a case may take
FRAMES = 20  # of a recording that are read
FORMATS = ('jpeg', 'png', 'rgb8; jpeg compressed rgb8', '16UC1; png compressed', 'compressedDepth')

_folder = tempfile.TemporaryDirectory(prefix='fuzz', dir='/dev/shm')


def conversions(data: bytes) -> None:
    """A sensor_msgs/Image: its fields, then its pixels."""
    head = struct.Struct('<BHHIB')
    if len(data) < head.size:
        return
    encoding, height, width, step, order = head.unpack_from(data)
    names = (*SUPPORTED, '', 'rgb9')
    image = to_rgb(
        names[encoding % len(names)], height, width, step, bool(order & 1), data[head.size :]
    )
    assert image.shape == (height, width, 3) and image.dtype == 'uint8'


def compressed(data: bytes) -> None:
    """A sensor_msgs/CompressedImage."""
    if data:
        image = compressed_to_rgb(FORMATS[data[0] % len(FORMATS)], data[1:])
        assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == 'uint8'


def messages(data: bytes) -> None:
    """A sensor_msgs/Image or CompressedImage as DDS delivers it."""
    if data:
        message_to_rgb(image_reader(bool(data[0] & 1))(data[1:]))


def mcap(data: bytes) -> None:
    """An .mcap."""
    _read_frames('a.mcap', data)


def bag1(data: bytes) -> None:
    """A ROS 1 .bag."""
    _read_frames('a.bag', data)


def video(data: bytes) -> None:
    """An .mp4."""
    _read_frames('a.mp4', data)


def arrays(data: bytes) -> None:
    """An .npy or .npz."""
    name = 'a.npz' if data[:2] == b'PK' else 'a.npy'
    for frame in find_recordings(_file(name, data))[0].open().frames(0, FRAMES):
        assert frame.image.ndim == 3


def metadata(data: bytes) -> None:
    """The hyper-parameters in a weights file."""
    with suppress(TypeError, KeyError):  # which load_checkpoint takes, too
        config_from_json(data.decode(errors='replace'))


def weights(data: bytes) -> None:
    """A whole weights file."""
    load_checkpoint(_file('a.safetensors', data))


def toml(data: bytes) -> None:
    """A config of training."""
    load_settings(str(_file('a.toml', data)))


def zones(data: bytes) -> None:
    """A file of zones."""
    parse_settings(data.decode(errors='replace'))


def choices(data: bytes) -> None:
    """What was kept of the choice of a backend."""
    _file('choices.json', data)
    for entry in _read(Path(_folder.name)).values():
        assert isinstance(entry['busy'], bool)


TARGETS: dict[str, Callable[[bytes], None]] = {
    f.__name__: f
    for f in (
        conversions,
        compressed,
        messages,
        mcap,
        bag1,
        video,
        arrays,
        metadata,
        weights,
        toml,
        zones,
        choices,
    )
}


def check(name: str, data: bytes) -> None:
    """Run one case. Raises what is a fault: any error but ValueError, and slowness."""
    began = time.process_time()
    try:
        TARGETS[name](data)
    except ValueError as error:
        assert len(str(error)) < 2000, 'an endless message'
    took = time.process_time() - began
    assert took < SLOW, f'{name}: {took:.1f} s for {len(data)} bytes'


def _file(name: str, data: bytes) -> Path:
    path = Path(_folder.name) / name
    path.write_bytes(data)
    return path


def _read_frames(name: str, data: bytes) -> None:
    with open_source(_file(name, data)) as source:
        for frame in source.frames(0, FRAMES):
            assert frame.image.ndim == 3
