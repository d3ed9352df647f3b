"""Bags of images, made on the spot."""

import cv2
import numpy as np
from rosbags import rosbag2
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
STORE1 = get_typestore(Stores.ROS1_NOETIC)
IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
START = 1_700_000_000_000_000_000
PERIOD = 40_000_000


def picture(number, size=(12, 16)):
    return np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)


def fields(store, stamp, seq=0):
    time = store.types['builtin_interfaces/msg/Time'](stamp // 10**9, stamp % 10**9)
    more = {'seq': seq} if store is STORE1 else {}
    return store.types['std_msgs/msg/Header'](stamp=time, frame_id='camera', **more)


def image(number, stamp, store=STORE, size=(12, 16), encoding='bgr8'):
    data = picture(number, size)[..., ::-1].copy()
    return store.types[IMAGE](
        header=fields(store, stamp),
        height=size[0],
        width=size[1],
        encoding=encoding,
        is_bigendian=0,
        step=size[1] * 3,
        data=data.reshape(-1),
    )


def compressed(number, stamp, store=STORE):
    data = cv2.imencode('.png', picture(number)[..., ::-1])[1].reshape(-1)
    return store.types[COMPRESSED](header=fields(store, stamp), format='png', data=data)


def stamp_of(number):
    return START + number * PERIOD


def write_bag(path, topics, storage=StoragePlugin.SQLITE3, mode=CompressionMode.NONE):
    """topics: {name: (msgtype, [(log time, message or bytes)])}"""
    writer = rosbag2.Writer(path, version=9, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        rows = []
        for topic, (msgtype, messages) in topics.items():
            connection = writer.add_connection(topic, msgtype, typestore=STORE)
            rows += [(log, connection, message) for log, message in messages]
        for log, connection, message in sorted(rows, key=lambda row: row[0]):
            raw = (
                message
                if isinstance(message, bytes)
                else STORE.serialize_cdr(message, connection.msgtype)
            )
            writer.write(connection, log, raw)
    return path


def images(count=5, make=image, stamped=True):
    return [(stamp_of(n) + 3_000_000, make(n, stamp_of(n) if stamped else 0)) for n in range(count)]
