"""A camera sensor: exposure, colour, noise, blur, compression."""

from __future__ import annotations

from dataclasses import dataclass
from math import sin

import cv2
import numpy as np


@dataclass
class Sensor:
    """The settings that turn light into pixel values.

    Attributes:
        gain: factor of the brightness.
        gamma: exponent of the brightness.
        lift: offset of the brightness, of 1.
        balance: gain of red, green and blue.
        drift: of the exposure: amplitude, angular frequency [rad/s], phase [rad].
        noise: standard deviation, of 255.
        blur: standard deviation [pixel].
        jpeg: quality of compression, 0 for none.
        grey: whether pictures are grey.
    """

    gain: float = 1.0
    gamma: float = 1.0
    lift: float = 0.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    drift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    noise: float = 0.0
    blur: float = 0.0
    jpeg: int = 0
    grey: bool = False

    def expose(
        self, image: np.ndarray, t: float, grain: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """The picture that the sensor records, (H, W, 3) uint8 RGB.

        Args:
            image: (H, W, 3) uint8 RGB, the light.
            t: time [s].
            grain: int16 noise, larger than the image; a random part of it is added.
            rng: NumPy generator of this frame.
        """
        if self.grey:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if self.blur > 0.2:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        level = self.gain * (1 + self.drift[0] * sin(self.drift[1] * t + self.drift[2]))
        x = np.linspace(0, 1, 256)[:, None] ** self.gamma
        curve = self.lift + x * level * np.array((1.0,) * 3 if self.grey else self.balance)
        image = cv2.LUT(image, np.clip(curve * 255 + 0.5, 0, 255).astype(np.uint8)[None])
        if self.noise > 0:
            h, w = image.shape[:2]
            top, left = (int(rng.integers(n)) for n in (grain.shape[0] - h, grain.shape[1] - w))
            image = cv2.add(image, grain[top : top + h, left : left + w], dtype=cv2.CV_8U)
        if self.jpeg:
            _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
            assert decoded is not None  # it was encoded just now
            image = decoded
        return image
