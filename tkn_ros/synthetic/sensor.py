"""What a camera's sensor makes of the light: exposure, colour, noise, blur, compression."""

from __future__ import annotations

from dataclasses import dataclass
from math import sin

import cv2
import numpy as np


@dataclass
class Sensor:
    """The settings that turn light into pixel values."""

    gain: float = 1.0
    gamma: float = 1.0
    lift: float = 0.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    drift: tuple[float, float, float] = (0.0, 0.0, 0.0)  # amplitude, radians per second, phase
    noise: float = 0.0  # standard deviation, grey levels
    blur: float = 0.0  # pixels
    jpeg: int = 0  # quality, 0 for none
    grey: bool = False

    def expose(self, image, t, grain, rng):
        """The sensor's picture of `image` (RGB uint8) at time t; rng is this frame's own."""
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
            y, x = (int(rng.integers(n)) for n in (grain.shape[0] - h, grain.shape[1] - w))
            image = cv2.add(image, grain[y : y + h, x : x + w], dtype=cv2.CV_8U)
        if self.jpeg:
            _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return image
