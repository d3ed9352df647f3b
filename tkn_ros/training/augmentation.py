"""Random changes of training examples, alike for all frames of one."""

from dataclasses import dataclass

import cv2
import numpy as np

from tkn_ros.model.ranges import check_whole

MAX_RATE = 3  # fastest playback


@dataclass(frozen=True)
class Augmentation:
    """What may change an example, in the same way for all of its frames, so that time stays whole.

    Attributes:
        flip: mirrored left to right.
        reverse: played backwards.
        max_rate: played up to so many times faster.
        crop: up to this share of each side is cut away (at random places) and the rest is enlarged.
        brightness: strength of the change of contrast and brightness, 1 being plus or minus 40 %.
        colours: order of the channels.
        grey, hold: shares of the examples that lose their colours, and in which nothing moves.
        turn: share of the windows in which all that moves stops, or turns back, at a random moment.
        noise: a camera's, up to this standard deviation (of 255), in three of ten examples.

    flip, brightness and colours apply to every second example.
    """

    flip: bool = True
    reverse: bool = True
    max_rate: int = MAX_RATE
    crop: float = 0.0
    brightness: float = 1.0
    colours: bool = True
    grey: float = 0.0
    hold: float = 0.0
    turn: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in (self.grey, self.hold, self.turn)):
            raise ValueError(
                f'grey is {self.grey}, hold {self.hold} and turn {self.turn}, '
                'expected shares from 0 to 1'
            )
        if not 0 <= self.noise <= 255:
            raise ValueError(f'noise is {self.noise}, expected 0 to 255')
        check_whole('max_rate', self.max_rate, 1, 1000)
        if not 0 <= self.crop < 1 or not 0 <= self.brightness <= 2:
            raise ValueError(
                f'crop is {self.crop} and brightness {self.brightness}, expected 0 up '
                'to 1 and 0 to 2'
            )


def recolour(frames: np.ndarray, a: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Order of the channels, contrast, brightness and loss of the colours: uint8 to uint8.

    Args:
        frames: (.., 3) uint8.
        a: says which, and how often.
        rng: the source of randomness.
    """
    if a.colours and rng.random() < 0.5:
        frames = frames[..., rng.permutation(3)]
    if a.brightness and rng.random() < 0.5:
        gain = rng.uniform(1 - 0.4 * a.brightness, 1 + 0.4 * a.brightness)
        offset = rng.uniform(-40, 40) * a.brightness
        table = np.clip(np.arange(256) * gain + offset, 0, 255).astype(np.uint8)
        frames = table[frames]
    if a.grey and rng.random() < a.grey:
        frames = np.repeat(np.rint(frames.mean(-1, keepdims=True)).astype(np.uint8), 3, -1)
    return frames


def add_noise(frames: np.ndarray, a: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """That of a camera, in three of ten cases: uint8 to uint8.

    Args:
        frames: (T, H, W, 3) uint8.
        a: which noise.
        rng: draws it.
    """
    if not a.noise or rng.random() >= 0.3:
        return frames
    noisy = frames + rng.normal(0, rng.uniform(0, a.noise), frames.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def crop_at_random(
    frames: np.ndarray, most: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random part of every frame with the frame's proportions, enlarged to its size.

    Returns the frames, and the part's corner and size (x, y) as shares of the frame.

    Args:
        frames: (T, H, W, 3) uint8.
        most: share of each side that is cut away at most.
        rng: the source of randomness.
    """
    height, width = frames.shape[1:3]
    share = 1 - rng.uniform(0, most)
    h, w = max(1, round(height * share)), max(1, round(width * share))
    y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    enlarged = [
        cv2.resize(
            np.ascontiguousarray(f[y : y + h, x : x + w]),
            (width, height),
            interpolation=cv2.INTER_LINEAR,
        )
        for f in frames
    ]
    return np.stack(enlarged), np.array([x / width, y / height]), np.array([w / width, h / height])
