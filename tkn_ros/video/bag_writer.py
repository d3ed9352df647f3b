"""Write a rosbag2 without ROS, from messages that are serialised already."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore

from tkn_ros.video.frame import VideoError
from tkn_ros.video.stamps import NS

IMAGE_TYPE = 'sensor_msgs/msg/Image'

_STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
_STORAGE_OF_SUFFIX = {'.mcap': 'mcap', '.db3': 'sqlite3'}

_FOREVER = QosTime(9223372036, 854775807)
# what a player offers again: reliable serves reliable and best-effort subscribers alike
_OFFERED_QOS = Qos(
    QosHistory.KEEP_LAST,
    10,
    QosReliability.RELIABLE,
    QosDurability.VOLATILE,
    _FOREVER,
    _FOREVER,
    QosLiveliness.AUTOMATIC,
    _FOREVER,
    False,
)


def message_definition(msgtype: str, texts: Mapping[str, str] | None = None) -> str:
    """The full definition of a message type, its dependencies included, as bags embed it.

    Args:
        msgtype: such as 'tkn_ros/msg/PredictedKeypoints'.
        texts: content of the .msg files of types that are not among the common ones, by type name.

    Raises:
        VideoError: if a type is unknown or a text is not a message definition.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    try:
        for name, text in (texts or {}).items():
            store.register(get_types_from_msg(text, name))
        return store.generate_msgdef(msgtype, ros_version=2)[0]
    except (TypesysError, KeyError) as error:
        reason = ' '.join(str(error).split())
        raise VideoError(
            f'no definition of {msgtype}: {reason}; give the text of every type it is made of'
        ) from None


def image_serialiser(frame_id: str = 'camera') -> Callable[[np.ndarray, int], bytes]:
    """A function ((H, W, 3) uint8 RGB, stamp in ns) -> the bytes of a sensor_msgs/Image."""
    store = get_typestore(Stores.ROS2_JAZZY)
    image_type, header, time = (
        store.types[name]
        for name in (IMAGE_TYPE, 'std_msgs/msg/Header', 'builtin_interfaces/msg/Time')
    )

    def serialise(image: np.ndarray, stamp_ns: int) -> bytes:
        height, width = image.shape[:2]
        pixels = np.ascontiguousarray(image).reshape(-1)
        stamped = header(time(*divmod(stamp_ns, NS)), frame_id)
        message = image_type(stamped, height, width, 'rgb8', 0, 3 * width, pixels)
        return bytes(store.serialize_cdr(message, IMAGE_TYPE))

    return serialise


class BagWriter:
    """A rosbag2, written message by message in a `with` block.

    With a path that ends in .mcap or .db3 the bag is that one file, which Foxglove and
    `ros2 bag info|play <file>` open; else it is a folder with metadata.yaml. It appears when the
    block is left; leaving by an exception leaves nothing. An earlier file is replaced; an
    earlier folder is an error (VideoError), as with `ros2 bag record`.

    Version 8 of the format, since Humble cannot read what later versions say of QoS.
    """

    def __init__(self, path: str | Path, storage: str = 'mcap') -> None:
        self.path = Path(path)
        self._is_file = self.path.suffix in _STORAGE_OF_SUFFIX
        if storage not in _STORAGES:
            raise VideoError(f'bag storage {storage!r} is unknown; use mcap or sqlite3')
        if self._is_file:
            storage = _STORAGE_OF_SUFFIX[self.path.suffix]
        elif self.path.exists():
            raise VideoError(f'{path}: exists already; remove it or choose another name')
        if self._is_file and self.path.is_dir():
            raise VideoError(f'{path}: is a folder; remove it or choose another name')
        # the storage file takes its name from the folder, so the folder has its final name
        self._part = self.path.with_name(f'.{self.path.name}.{os.getpid()}.part')
        self._writer = Writer(
            self._part / (self.path.stem if self._is_file else self.path.name),
            version=8,
            storage_plugin=_STORAGES[storage],
        )
        if storage == 'mcap':
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._connections: dict[str, Connection] = {}

    def __enter__(self) -> BagWriter:
        self._writer.open()
        return self

    def write_raw(
        self, topic: str, msgtype: str, cdr: bytes, stamp_ns: int, msgdef: str | None = None
    ) -> None:
        """Append one message.

        Args:
            topic: made absolute by a leading slash if it has none.
            msgtype: such as 'sensor_msgs/msg/Image'.
            cdr: the message as serialize_message or a raw subscription gives it.
            stamp_ns: time of recording, at least 0.
            msgdef: its full definition, see `message_definition`; not needed for common types.
        """
        topic = '/' + topic.lstrip('/')
        if stamp_ns < 0:
            raise VideoError(f'{topic}: stamp {stamp_ns} ns is negative; bags start in 1970')
        connection = self._connections.get(topic)
        if connection is None:
            connection = self._connections[topic] = self._connect(topic, msgtype, msgdef)
        elif connection.msgtype != msgtype:
            raise VideoError(f'{topic}: is of {connection.msgtype}, a {msgtype} does not go there')
        self._writer.write(connection, stamp_ns, cdr)

    def _connect(self, topic: str, msgtype: str, msgdef: str | None) -> Connection:
        msgdef = message_definition(msgtype) if msgdef is None else msgdef
        store = get_typestore(Stores.EMPTY)
        try:
            store.register(get_types_from_msg(msgdef, msgtype))
            digest = store.hash_rihs01(msgtype)
        except (TypesysError, KeyError) as error:
            reason = ' '.join(str(error).split())
            raise VideoError(
                f'{topic}: definition of {msgtype} is not whole ({reason}); '
                'make it with message_definition'
            ) from None
        return self._writer.add_connection(
            topic, msgtype, msgdef=msgdef, rihs01=digest, offered_qos_profiles=[_OFFERED_QOS]
        )

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._writer.__exit__(kind, error, trace)
            if kind is None:
                whole = self._writer.path
                if self._is_file:
                    whole = whole / f'{whole.name}{self.path.suffix}'
                os.replace(whole, self.path)
        finally:
            shutil.rmtree(self._part, ignore_errors=True)
