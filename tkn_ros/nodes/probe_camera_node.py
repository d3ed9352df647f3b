"""The camera of `tkn benchmark --node`: a textured patch that moves, at an even rate, once somebody
listens.

Prints how many images it sent, as JSON, when it ends.
"""

import json
import threading
import time
from array import array

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from tkn_ros.nodes.parameters import declare
from tkn_ros.nodes.qos import image_qos
from tkn_ros.nodes.run import run

FRAMES = 60  # different ones, played again and again


class ProbeCameraNode(Node):
    """Publishes `image` (bgr8), stamped by the clock at the time of sending."""

    def __init__(self) -> None:
        super().__init__('probe_camera')
        width = declare(self, 'width', 640, 'Of the images [pixel]', 64, 4096)
        height = declare(self, 'height', 480, 'Of the images [pixel]', 64, 4096)
        self.rate = declare(self, 'rate', 30.0, 'Images a second [Hz]', 0.1, 1000.0)
        self.seconds = declare(self, 'seconds', 20.0, 'How long to send [s]', 0.1, 1e6)
        reliable = declare(self, 'reliable', True, 'false: best effort')
        self.messages = [_message(height, width, i) for i in range(FRAMES)]
        self.out = self.create_publisher(Image, 'image', image_qos(reliable, 5))
        self.sent = 0
        self.failure: Exception | None = None
        self.stopping = threading.Event()
        self.sender = threading.Thread(target=self._send, name='sender', daemon=True)
        self.sender.start()

    def _send(self) -> None:
        while not self.out.get_subscription_count():
            if self.stopping.wait(0.05):
                return
        begun = time.monotonic()
        while (due := begun + self.sent / self.rate) < begun + self.seconds:
            if self.stopping.wait(max(0.0, due - time.monotonic())):
                return
            message = self.messages[self.sent % FRAMES]
            message.header.stamp = self.get_clock().now().to_msg()
            self.out.publish(message)
            self.sent += 1
        self.context.try_shutdown()

    def destroy_node(self) -> None:
        """End, and say how many were sent."""
        self.stopping.set()
        self.sender.join(timeout=5)
        print(json.dumps({'sent': self.sent}), flush=True)
        super().destroy_node()


def _message(height: int, width: int, number: int) -> Image:
    """Frame `number` of a patch that goes forth and back over a textured ground."""
    rng = np.random.default_rng(0)
    cells = rng.integers(60, 110, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    image = np.repeat(np.repeat(cells, 8, 0), 8, 1)[:height, :width].copy()
    side = min(height, width) // 4 // 8 * 8
    patch = rng.integers(120, 255, (side // 8, side // 8, 3), dtype=np.uint8)
    place = abs(number - FRAMES // 2) / (FRAMES // 2)  # 1 .. 0 .. 1
    x, y = round(place * (width - side)), (height - side) // 2
    image[y : y + side, x : x + side] = np.repeat(np.repeat(patch, 8, 0), 8, 1)
    data = array('B')
    data.frombytes(image.tobytes())
    return Image(height=height, width=width, encoding='bgr8', step=3 * width, data=data)


def main() -> int:
    """`tkn benchmark --node` starts it."""
    return run(ProbeCameraNode)


if __name__ == '__main__':
    raise SystemExit(main())
