"""Whole examples for each target of `targets.py`, from which cases are bent."""

import io
import json
import struct
import tempfile
from pathlib import Path

import cv2
import numpy as np
from bags import PredictionBag
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore
from small_models import moving_square, repeat_last_model, small_config, small_following_config

from tkn_ros.model.checkpoints import config_to_json, save_checkpoint
from tkn_ros.training.settings import PRESETS
from tkn_ros.video.writers import write_video

ZONES = """
coordinates: normalised
defaults: {min_points: 1, hold: 0.4}
zones:
  - name: door
    polygon: [[0.1, 0.2], [0.4, 0.2], [0.4, 0.9]]
    exclude: [[[0.2, 0.3], [0.3, 0.3], [0.3, 0.4]]]
    into_only: true
approach: {reach: 0.2}
"""


def seeds() -> dict[str, list[bytes]]:
    """Some for every target."""
    clip = moving_square(4, 24, 32)
    one = clip[0]
    pictures = [cv2.imencode(suffix, one)[1].tobytes() for suffix in ('.jpg', '.png', '.bmp')]
    pictures.append(cv2.imencode('.png', one[..., 0].astype(np.uint16) * 200)[1].tobytes())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            'conversions': [
                struct.pack('<BHHIB', kind, 4, 4, 32, 0) + bytes(range(192)) for kind in range(23)
            ],
            'compressed': [bytes([i]) + picture for i in range(4) for picture in pictures],
            'messages': _messages(one, pictures[0]),
            'mcap': [_mcap(folder / 'a.mcap', clip)],
            'bag1': [_bag1(folder / 'a.bag', clip)],
            'video': [_video(folder / 'a.mp4', clip)],
            'arrays': _arrays(clip),
            'metadata': _configs(),
            'weights': [_weights(folder / 'a.safetensors')],
            'toml': [path.read_bytes() for path in PRESETS.glob('*.toml')],
            'zones': [ZONES.encode()],
            'choices': [
                json.dumps(
                    {'a': {'name': 'x', 'precision': '', 'why': 'y', 'when': 'z', 'busy': False}}
                ).encode()
            ],
        }


def _messages(image: np.ndarray, jpeg: bytes) -> list[bytes]:
    store = get_typestore(Stores.ROS2_JAZZY)
    raw, packed = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
    kinds = store.types
    header = kinds['std_msgs/msg/Header'](kinds['builtin_interfaces/msg/Time'](1, 2), 'c')
    height, width = image.shape[:2]
    message = kinds[raw](header, height, width, 'rgb8', 0, 3 * width, image.reshape(-1))
    coded = kinds[packed](header, 'jpeg', np.frombuffer(jpeg, np.uint8))
    return [
        b'\0' + bytes(store.serialize_cdr(message, raw)),
        b'\1' + bytes(store.serialize_cdr(coded, packed)),
    ]


def _mcap(path: Path, clip: np.ndarray) -> bytes:
    with PredictionBag(path) as bag:
        for i, image in enumerate(clip):
            bag.image('/camera', 10**9 + i, image)
    return path.read_bytes()


def _bag1(path: Path, clip: np.ndarray) -> bytes:
    store = get_typestore(Stores.ROS1_NOETIC)
    kinds = store.types
    name = 'sensor_msgs/msg/Image'
    with Writer(path) as writer:
        connection = writer.add_connection('/camera', name, typestore=store)
        for i, image in enumerate(clip):
            header = kinds['std_msgs/msg/Header'](
                i, kinds['builtin_interfaces/msg/Time'](1, i), 'c'
            )
            height, width = image.shape[:2]
            message = kinds[name](header, height, width, 'rgb8', 0, 3 * width, image.reshape(-1))
            writer.write(connection, 10**9 + i, store.serialize_ros1(message, name))
    return path.read_bytes()


def _video(path: Path, clip: np.ndarray) -> bytes:
    write_video(path, clip, 25)
    return path.read_bytes()


def _arrays(clip: np.ndarray) -> list[bytes]:
    found = []
    for save in (np.save, np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, clip[:1, :4, :4])
        found.append(file.getvalue())
    return found


def _configs() -> list[bytes]:
    configs = (small_config(drifts=True), small_following_config())
    return [config_to_json(config).encode() for config in configs]


def _weights(path: Path) -> bytes:
    save_checkpoint(path, repeat_last_model())
    return path.read_bytes()
