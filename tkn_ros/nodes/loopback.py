"""How many images of a camera arrive on this machine: one process sends, another counts.

`python -m tkn_ros.nodes.loopback receive|send ..`; `tkn doctor` starts both and reads what the
receiver prints.
"""

import argparse
import json
import statistics
import sys
import time
from array import array
from typing import Any

import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

from tkn_ros.nodes.qos import image_qos
from tkn_ros.video.stamps import to_ns

PATIENCE = 10.0  # [s] to find each other
QUIET = 2.0  # [s] without an image, after which no more will come
BYTES_PER_PIXEL = 3


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog='loopback', description=__doc__.splitlines()[0])
    parser.add_argument('role', choices=('receive', 'send'))
    parser.add_argument('--topic', default='/tkn_loopback/image')
    parser.add_argument('--reliable', action='store_true', help='without it best effort')
    parser.add_argument('--count', type=int, default=100, help='images')
    parser.add_argument('--rate', type=float, default=30.0, help='[Hz]')
    parser.add_argument('--size', type=int, nargs=2, default=(640, 480), metavar=('W', 'H'))
    return parser.parse_args(words)


def receive(node: Node, options: argparse.Namespace) -> dict[str, Any]:
    """Count images until all have come, or no more do.

    Returns `received`, and `latency_ms`, the median from an image's stamp to here (None where
    nothing came).
    """
    ages: dict[int, float] = {}  # by the image's number [ms]
    last = began = time.monotonic()

    def take(message: Image) -> None:
        nonlocal last
        last = time.monotonic()
        age_ns = node.get_clock().now().nanoseconds - to_ns(message.header.stamp)
        ages[int(message.header.frame_id)] = age_ns / 1e6

    node.create_subscription(Image, options.topic, take, image_qos(options.reliable, options.count))
    while len(ages) < options.count:
        rclpy.spin_once(node, timeout_sec=0.1)
        matched = node.count_publishers(options.topic) > 0
        if not matched and not ages and time.monotonic() - began < PATIENCE:
            last = time.monotonic()  # nobody sends yet
        if time.monotonic() - last > QUIET:
            break
    return {
        'received': len(ages),
        'latency_ms': round(statistics.median(ages.values()), 2) if ages else None,
    }


def send(node: Node, options: argparse.Namespace) -> dict[str, Any]:
    """Publish `count` images at `rate` once somebody listens. Returns `sent`."""
    width, height = options.size
    publisher = node.create_publisher(
        Image, options.topic, image_qos(options.reliable, options.count)
    )
    end = time.monotonic() + PATIENCE
    while not publisher.get_subscription_count():
        if time.monotonic() > end:
            return {'sent': 0}
        rclpy.spin_once(node, timeout_sec=0.05)
    time.sleep(0.5)  # the listener has to find us as well
    image = Image(height=height, width=width, encoding='bgr8', step=BYTES_PER_PIXEL * width)
    image.data = array('B', bytes(BYTES_PER_PIXEL * width * height))
    began = time.monotonic()
    for i in range(options.count):
        time.sleep(max(0.0, began + i / options.rate - time.monotonic()))
        image.header.stamp = node.get_clock().now().to_msg()
        image.header.frame_id = str(i)
        publisher.publish(image)
    end = time.monotonic() + PATIENCE
    while publisher.get_subscription_count() and time.monotonic() < end:  # it may still be reading
        time.sleep(0.05)
    return {'sent': options.count}


def main(words: list[str] | None = None) -> int:
    """Print the figures of one role as JSON."""
    options = arguments(words)
    rclpy.init(args=[])
    node = rclpy.create_node(f'loopback_{options.role}')
    try:
        print(json.dumps({'receive': receive, 'send': send}[options.role](node, options)))
    except KeyboardInterrupt:
        return 130
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
