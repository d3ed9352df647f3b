"""Seeded textures and drawn figures for the synthetic clips: NumPy and OpenCV only.

World axes: X right, Y up, Z away from the camera, in metres; the ground is Y = 0.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from math import asin, cos, hypot, pi, sin, sqrt

import cv2
import numpy as np

STYLES = ('cloud', 'photo', 'grass', 'asphalt', 'stripes', 'checks', 'bricks', 'pavers', 'blobs',
          'gradient', 'plaid', 'speckle')

NEAR = 0.4  # metres: nothing nearer to the camera is drawn
MATERIALS = ((92, 118, 58), (70, 96, 48), (128, 132, 70), (150, 148, 142), (112, 112, 115),
             (82, 82, 86), (186, 176, 158), (205, 200, 192), (150, 104, 82), (122, 98, 76),
             (196, 178, 140), (104, 92, 80), (172, 158, 150), (60, 66, 72))
WALLS = ((188, 172, 146), (170, 110, 88), (206, 198, 184), (148, 128, 112), (196, 160, 120),
         (160, 164, 166), (140, 88, 72), (214, 204, 170))
HAIR = ((30, 24, 22), (62, 44, 32), (96, 70, 46), (150, 118, 72), (128, 124, 120), (20, 20, 24))
SKIN = ((236, 196, 168), (205, 155, 120), (150, 103, 74), (96, 64, 47))


def noise(rng, height: int, width: int, slope: float = 1.0, stretch: float = 1.0) -> np.ndarray:
    """Periodic 1/f**slope noise: float32 (height, width), mean 0, std 1."""
    fy = np.fft.fftfreq(height)[:, None] * stretch
    fx = np.fft.rfftfreq(width)[None, :]
    radius = np.sqrt(fx * fx + fy * fy) + 0.5 / max(height, width)
    shape = radius.shape
    spectrum = (rng.standard_normal(shape, np.float32)
                + 1j * rng.standard_normal(shape, np.float32)) / radius ** slope
    spectrum[0, 0] = 0
    field_ = np.fft.irfft2(spectrum, s=(height, width))
    return (field_ / (field_.std() + 1e-9)).astype(np.float32)


def colour(rng, saturation: float = 0.5, low: float = 30, high: float = 230) -> np.ndarray:
    """A random RGB colour as float32 (3,); saturation 0 is grey, 1 any hue."""
    value = rng.uniform(low, high)
    return np.clip(value + saturation * (rng.uniform(0, 255, 3) - value), 0, 255).astype(np.float32)


def material(rng) -> np.ndarray:
    """The colour of some usual ground or wall, float32 (3,); one time in six any colour."""
    if rng.random() < 1 / 6:
        return colour(rng, 0.7)
    return np.clip(np.float32(MATERIALS[rng.integers(len(MATERIALS))]) * rng.uniform(0.65, 1.3)
                   + rng.normal(0, 8, 3), 8, 245).astype(np.float32)


def texture(rng, size: int, style: str | None = None, base=None, contrast: float | None = None,
            ) -> np.ndarray:
    """A periodic tile, uint8 (size, size, 3): `style` of STYLES (drawn if None) about `base`."""
    style = style or STYLES[rng.integers(len(STYLES))]
    base = material(rng) if base is None else np.asarray(base, np.float32)
    contrast = float(np.exp(rng.uniform(-1.6, 0.2))) if contrast is None else contrast
    other = colour(rng, rng.uniform(0, 1) ** 2)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    n = int(rng.integers(2, 9))
    grain = 0.25 * noise(rng, size, size, rng.uniform(0.2, 1.0))
    if style == 'cloud':
        mix = noise(rng, size, size, rng.uniform(1.2, 2.2))
    elif style == 'photo':
        # Three correlated 1/f fields and a few soft steps: the statistics of a photograph.
        mix = noise(rng, size, size, 1.3)
        mix = mix + 1.5 * np.tanh(6 * noise(rng, size, size, 2.0))
    elif style == 'grass':
        mix = noise(rng, size, size, 0.6, 0.5) + 0.5 * noise(rng, size, size, 1.8)
    elif style == 'asphalt':
        mix = 0.6 * noise(rng, size, size, 0.25) + 0.4 * noise(rng, size, size, 1.8)
    elif style == 'stripes':
        kx, ky = rng.integers(-n, n + 1), rng.integers(0, n + 1)
        wave = np.sin(2 * pi * ((kx if kx or ky else n) * x + ky * y) + rng.uniform(0, 6))
        mix = np.tanh(rng.uniform(0.7, 6) * wave)
    elif style == 'checks':
        mix = np.tanh(8 * np.sin(2 * pi * n * x) * np.sin(2 * pi * n * y))
    elif style in ('bricks', 'pavers'):
        rows, cols = 2 * n, n if style == 'bricks' else 2 * n
        row = np.floor(y * rows)
        shift = 0.5 * (row % 2) if style == 'bricks' else 0
        col = np.floor(x * cols + shift) % cols
        tone = rng.normal(0, 0.7, (rows, cols)).astype(np.float32)
        edge = np.minimum.reduce([y * rows % 1, 1 - y * rows % 1, (x * cols + shift) % 1 * 2,
                                  2 - (x * cols + shift) % 1 * 2])
        mix = tone[row.astype(int), col.astype(int)] - 2.0 * (edge < 0.09)
    elif style == 'blobs':
        mix = np.tanh(9 * (noise(rng, size, size, rng.uniform(1.5, 2.5)) - rng.uniform(-.6, .8)))
    elif style == 'gradient':
        mix = 1.2 * np.sin(2 * pi * (x * rng.integers(0, 2) + y) + rng.uniform(0, 6))
        grain *= 0.3
    elif style == 'plaid':
        mix = 0.7 * np.tanh(4 * np.sin(2 * pi * n * x)) + 0.7 * np.tanh(4 * np.sin(2 * pi * n * y))
    else:
        mix = np.where(noise(rng, size, size, 0.4) > rng.uniform(1.2, 2), 2.0, -0.3)
    mix = (mix + grain).astype(np.float32)
    hue = noise(rng, size, size, 1.8)[..., None] * rng.normal(0, 8, 3).astype(np.float32)
    # `mix` runs along the line from the base colour to the other one, and beyond both ends.
    direction = other - base
    direction = direction / (np.linalg.norm(direction) + 1e-6)
    # Shade varies more than hue on most real surfaces.
    hueful = rng.uniform(0.4, 1) if rng.random() < 0.25 else rng.uniform(0, 0.35)
    direction = direction * hueful + rng.uniform(0.5, 1) * _sign(rng) * 0.7
    direction = 55 * contrast * direction.astype(np.float32)
    return np.clip(base + mix[..., None] * direction + hue * contrast, 0, 255).astype(np.uint8)


def _sign(rng):
    return 1.0 if rng.random() < 0.5 else -1.0


def pyramid(tile: np.ndarray, levels: int = 7) -> list[np.ndarray]:
    """The tile and its halvings, which keep far ground from flickering."""
    out = [tile]
    while len(out) < levels and min(out[-1].shape[:2]) >= 4:
        h, w = out[-1].shape[:2]
        out.append(cv2.resize(out[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
    return out


def backdrop(rng, height: int, width: int, style: str, base=None, storeys=(2.5, 7.5)) -> np.ndarray:
    """What stands behind the ground, uint8 (height, width, 3); its last row touches the ground.

    style: 'city', 'trees', 'wall' (one texture) or 'plain' (nearly one colour). A storey is
    height / 24 pixels.
    """
    if style in ('wall', 'plain'):
        base = colour(rng, 0.25, 60, 225) if base is None else base
        tile = texture(rng, 256, None if style == 'wall' else 'cloud', base,
                       None if style == 'wall' else rng.uniform(0.02, 0.12))
        zoom = width / rng.uniform(500, 1500)
        tiled = cv2.warpAffine(tile, np.float32([[zoom, 0, 0], [0, zoom, 0]]), (width, height),
                               borderMode=cv2.BORDER_WRAP)
        lit = 1 + rng.uniform(0, 0.25) * np.cos(np.linspace(0, 3, width) + rng.uniform(0, 6))
        return np.clip(tiled * lit[None, :, None], 0, 255).astype(np.uint8)
    zenith = np.float32([84, 138, 196]) * rng.uniform(0.7, 1.1) + rng.normal(0, 10, 3)
    haze = np.float32([206, 218, 226]) * rng.uniform(0.8, 1.05) + rng.normal(0, 7, 3)
    up = np.linspace(1, 0, height, dtype=np.float32)[:, None, None] ** 0.7
    sky = haze + (zenith - haze) * up
    small = noise(rng, 192, 256, 1.75, 0.45)
    cloud = np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
                    * rng.uniform(.4, .8) + rng.uniform(-.5, .5), 0, 1)[..., None]
    plate = np.clip(sky + (245 - sky) * cloud * 0.9, 0, 255).astype(np.uint8)
    unit = height / 24.0  # the plate is about 24 "storeys" high: everything scales with it
    _treeline(rng, plate, unit * rng.uniform(1.0, 2.5), True)
    if style == 'city':
        x = -unit * rng.uniform(0, 4)
        while x < width:
            w = unit * rng.uniform(3.5, 8)
            _house(rng, plate, x, x + w, unit * rng.uniform(*storeys), unit)
            x += w + (unit * rng.uniform(0.3, 3) if rng.random() < 0.3 else 0)
    _treeline(rng, plate, unit * rng.uniform(0.4, 1.2 if style == 'city' else 5), False)
    return plate


def _treeline(rng, plate, top, far):
    height, width = plate.shape[:2]
    edge = noise(rng, 2, 2 * (width // 2 + 1), 1.1)[0][:width] * 0.3 + 1
    rows = height - top * np.clip(edge, 0.1, 2)
    mask = np.clip(np.arange(height)[:, None] - rows[None, :], 0, 1)[..., None]
    green = np.float32([95, 115, 110] if far else [45, 70, 35]) + rng.normal(0, 10, 3)
    rows_, cols_ = max(2, height // 2), max(2, width // 2 // 2 * 2)
    grain = cv2.resize(noise(rng, rows_, cols_, 0.8), (width, height))[..., None]
    trees = np.clip(green * (1 + (0.06 if far else 0.3) * grain), 0, 255)
    plate[:] = plate + mask * (trees - plate)


def _house(rng, plate, x0, x1, tall, unit):
    """One facade with rows of windows, its right end a little darker."""
    height = plate.shape[0]
    x0, x1, y0 = int(x0), int(min(x1, plate.shape[1])), int(height - tall)
    if x1 - max(x0, 0) < 2:
        return
    wall = np.float32(WALLS[rng.integers(len(WALLS))]) * rng.uniform(0.8, 1.12)
    wall = np.clip(wall + rng.normal(0, 5, 3), 20, 240)
    w, h = x1 - max(x0, 0), height - y0
    tile = texture(rng, 128, ('bricks', 'cloud', 'asphalt')[rng.integers(3)], wall, 0.18)
    reps = (h // 128 + 1, w // 128 + 1, 1)
    plate[y0:, max(x0, 0):x1] = np.tile(tile, reps)[:h, :w]
    pitch_x, pitch_y = unit * rng.uniform(.8, 1.3), unit * rng.uniform(.95, 1.25)
    glass, trim = np.float32([55, 70, 88]) * rng.uniform(.6, 1.5), wall * 1.15
    y = y0 + pitch_y * 0.35
    while y + pitch_y * 0.6 < height - unit * 0.2:
        x = x0 + pitch_x * 0.3
        while x + pitch_x * 0.5 < x1:
            a, b = np.float32([x, y]), np.float32([x + pitch_x * .48, y + pitch_y * .6])
            tone = glass * rng.uniform(0.7, 1.3)
            frame = unit * 0.06
            for pad, col in ((frame, trim), (0, tone)):
                _rect(plate, a - pad, b + pad, col)
            _rect(plate, a, (b[0], a[1] + pitch_y * rng.uniform(0.05, 0.3)), tone * 1.6)
            _rect(plate, ((a[0] + b[0] - frame) / 2, a[1]), ((a[0] + b[0] + frame) / 2, b[1]), trim)
            x += pitch_x
        y += pitch_y
    if rng.random() < 0.5:
        roof = np.float32([[x0 - unit * .2, y0], [x1 + unit * .2, y0],
                           [x1 - unit * .8, y0 - unit], [x0 + unit * .8, y0 - unit]])
        tile = np.float32(((128, 72, 54), (96, 86, 84), (110, 60, 50))[rng.integers(3)])
        cv2.fillConvexPoly(plate, np.int32(roof * 16), (tile * rng.uniform(.8, 1.1)).tolist(),
                           cv2.LINE_AA, 4)
        for k in range(1, 6):
            y = y0 - unit * k / 6
            _rect(plate, (x0 - unit * .2 + unit * k / 6, y), (x1 + unit * .2 - unit * k / 6,
                                                              y + unit * .03), tile * 0.75)
    _rect(plate, (x0 - unit * .1, y0 - unit * .1), (x1 + unit * .1, y0 + unit * .1), wall * 0.7)
    door = x0 + (x1 - x0) * rng.uniform(0.15, 0.75)
    _rect(plate, (door - unit * .06, height - unit * .92), (door + unit * .5, height), trim)
    _rect(plate, (door, height - unit * .86), (door + unit * .44, height), colour(rng, .5, 30, 90))


def _rect(image, a, b, col):
    corners = np.float32([[a[0], a[1]], [b[0], a[1]], [b[0], b[1]], [a[0], b[1]]])
    cv2.fillConvexPoly(image, np.int32(corners * 16), np.clip(col, 0, 255).tolist(),
                       cv2.LINE_AA, 4)


@dataclass
class View:
    """A pinhole camera at one instant; focal lengths and centre in pixels, angles in radians."""
    position: np.ndarray
    yaw: float
    pitch: float
    roll: float
    fx: float
    fy: float
    cx: float
    cy: float
    matrix: np.ndarray = field(init=False)

    def __post_init__(self):
        sy, cyw, sp, cp = sin(self.yaw), cos(self.yaw), sin(self.pitch), cos(self.pitch)
        sr, cr = sin(self.roll), cos(self.roll)
        right, ahead = np.array([cyw, 0, -sy]), np.array([sy * cp, sp, cyw * cp])
        down = np.array([sy * sp, -cp, cyw * sp])
        self.rotation = np.stack([cr * right - sr * down, sr * right + cr * down, ahead])
        k = np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])
        self.matrix = k @ self.rotation

    def project(self, points) -> tuple[np.ndarray, np.ndarray]:
        """World points (N, 3) to pixels (N, 2) and depths in metres (N,)."""
        p = (points - self.position) @ self.matrix.T
        depth = p[:, 2]
        return p[:, :2] / np.maximum(depth, 1e-3)[:, None], depth

    def plane(self, origin, along_u, along_v) -> np.ndarray:
        """Homography (3, 3) from texture pixels to image pixels; the vectors are one texel long."""
        return self.matrix @ np.stack([along_u, along_v, np.subtract(origin, self.position)], 1)


def capsules(a, b, ra, rb, points: int = 6) -> np.ndarray:
    """Convex outlines (N, 2*points, 2) of N limbs from a to b (N, 2) with end radii ra, rb (N,)."""
    d = b - a
    theta = np.arctan2(d[:, 1], d[:, 0])[:, None]
    half = np.linspace(-pi / 2, pi / 2, points)[None]
    first, second = theta + half, theta + half + pi
    end = b[:, None] + rb[:, None, None] * np.stack([np.cos(first), np.sin(first)], -1)
    start = a[:, None] + ra[:, None, None] * np.stack([np.cos(second), np.sin(second)], -1)
    return np.concatenate([end, start], 1)


def paint(frame, polygons, colours, tile=None, place=(0, 0), zoom=1.0, angle=0.0, convex=True):
    """Draw polygons (list of (n, 2) pixels) back to front with sub-pixel, anti-aliased edges.

    A `tile` (uint8, periodic) multiplies the colours; it is pinned at `place` and turns and grows
    with the object, so that it moves with it.
    """
    box = _box(frame, polygons)
    if box is None:
        return
    x0, y0, x1, y1 = box
    canvas = np.zeros((y1 - y0, x1 - x0, 4), np.uint8)
    _fill(canvas, polygons, [(*c, 255.0) for c in np.clip(colours, 0, 255).tolist()], box, convex)
    rgb, alpha = canvas[..., :3], canvas[..., 3:]
    if tile is not None:
        c, s = cos(angle) * zoom, sin(angle) * zoom
        mid = tile.shape[0] / 2
        m = np.float64([[c, -s, place[0] - x0 - c * mid + s * mid],
                        [s, c, place[1] - y0 - s * mid - c * mid]])
        pattern = cv2.warpAffine(tile, m, (x1 - x0, y1 - y0), borderMode=cv2.BORDER_WRAP)
        rgb = cv2.multiply(np.ascontiguousarray(rgb), pattern, scale=1 / 255)
    region = frame[y0:y1, x0:x1]
    under = (region * (255 - alpha).astype(np.uint16) + 127) // 255
    region[:] = np.minimum(rgb + under, 255)


def darken(frame, polygons, strength: float, blur: float):
    """Multiply the union of polygons by 1 - strength, edges softened by `blur` pixels: a shadow."""
    box = _box(frame, polygons, 2 + int(blur))
    if box is None or strength <= 0:
        return
    x0, y0, x1, y1 = box
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    _fill(mask, polygons, [(255.0 * strength,)] * len(polygons), box, True)
    if blur >= 1:
        k = 2 * int(blur) + 1
        mask = cv2.blur(mask, (k, max(1, k // 2 | 1)))
    region = frame[y0:y1, x0:x1]
    region[:] = region * (255 - mask[..., None]).astype(np.uint16) // 255


def _box(frame, polygons, pad=2):
    points = np.concatenate(polygons)
    low, high = points.min(0) - pad, points.max(0) + pad + 1
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return None
    h, w = frame.shape[:2]
    x0, y0 = (max(0, int(v)) for v in np.clip(low, -9e3, 9e3))
    x1, y1 = min(w, int(min(high[0], 9e3))), min(h, int(min(high[1], 9e3)))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _fill(canvas, polygons, colours, box, convex):
    points = np.clip(np.concatenate(polygons) - box[:2], -9e3, 9e3)
    sixteenths = np.rint(points * 16).astype(np.int32)
    end = 0
    for polygon, col in zip(polygons, colours):
        start, end = end, end + len(polygon)
        if convex:
            cv2.fillConvexPoly(canvas, sixteenths[start:end], col, cv2.LINE_AA, 4)
        else:
            cv2.fillPoly(canvas, [sixteenths[start:end]], col, cv2.LINE_AA, 4)


# ---------------------------------------------------------------- things that move
@dataclass
class Light:
    """Where the sun stands and how strongly: what every figure's tones and shadow share."""
    level: float = 1.0
    shadow: float = 0.35
    hard: bool = True  # cast shadows; False: a soft dark patch underfoot
    sun: tuple[float, float] = (0.6, 0.3)  # metres of shadow in X, Z for each metre of height
    glint: tuple[float, float] = (-0.7, -0.4)  # screen direction of the lit side


class Walker:
    """A person of fourteen limbs whose gait follows the speed of its path."""

    def __init__(self, rng, path: Path, action: str, height=None, clothes=None, grey_suit=False):
        self.path, self.action = path, action
        self.height = rng.uniform(1.5, 1.9) if height is None else height
        speed = path.speed if path.kind != 'still' else 0.0
        leg = 0.53 * self.height
        self.rate = 0.95 * (max(speed, 0.3) / 1.4) ** 0.55 * rng.uniform(0.92, 1.08)
        self.swing = asin(min(0.72, speed / (4 * leg * self.rate)))
        self.vigour = min(1.0, max(0.0, (speed - 1.5) / 2.5))
        self.phase, self.beat = rng.uniform(0, 2 * pi), rng.uniform(0.6, 1.6)
        self.slim = rng.uniform(0.85, 1.2)
        skin = np.float32(SKIN[rng.integers(4)])
        shirt, trousers = colour(rng, 0.9, 40, 240), colour(rng, 0.4, 20, 150)
        if grey_suit:
            shirt = trousers = colour(rng, 0.1, 15, 120)
        if clothes is not None:
            shirt, trousers = np.float32(clothes[0]), np.float32(clothes[1])
        shoe, hair = colour(rng, 0.2, 10, 210), np.float32(HAIR[rng.integers(len(HAIR))])
        sleeve = skin if rng.random() < 0.35 else shirt
        self.colours = np.float32([trousers, trousers, shoe, trousers, trousers, shoe, trousers,
                                   shirt, shirt, skin, hair, skin,
                                   shirt, sleeve, skin, shirt, sleeve, skin])
        self.tile = texture(rng, 64, None, (215, 215, 215), rng.uniform(0.08, 0.5))

    def limbs(self, t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Limb ends (18, 2, 3) as (side, up, forward) and radii (18, 2), in metres."""
        h, a, v = self.height, self.action, self.vigour
        phase = 2 * pi * self.rate * t + self.phase
        beat = 2 * pi * self.beat * t + self.phase
        lean = 0.03 + 0.16 * v + (0.05 * sin(beat) if a == 'box' else 0)
        bob = (0.012 + 0.02 * v) * h * cos(2 * phase) * min(1, self.swing * 3)
        hip_y = 0.52 * h * (1 - 0.04 * v) + bob
        chest = (hip_y + 0.27 * h * cos(lean), 0.27 * h * sin(lean))
        parts = []
        for side, offset in ((-1, 0.0), (1, pi)):
            s = sin(phase + offset)
            thigh = self.swing * s + 0.12 * v
            knee = 0.08 + (0.9 * self.swing + 1.1 * v) * max(0.0, cos(phase + offset)) ** 1.3
            shin = thigh - knee
            x = side * 0.05 * h * self.slim
            k = (x, hip_y - 0.245 * h * cos(thigh), 0.245 * h * sin(thigh))
            f = (x, k[1] - 0.235 * h * cos(shin), k[2] - 0.235 * h * sin(-shin))
            toe = (x * 1.2, f[1] - 0.025 * h + 0.09 * h * sin(shin), f[2] + 0.1 * h * cos(shin))
            parts += [((x, hip_y, 0), k), (k, f), ((x, f[1] - 0.012 * h, f[2] - .01 * h), toe)]
        parts.append(((-0.045 * h, hip_y, 0), (0.045 * h, hip_y, 0)))
        parts.append(((0, hip_y + 0.04 * h, 0), (0, chest[0] - 0.04 * h, chest[1])))
        wide = 0.095 * h * self.slim
        parts.append(((-wide, chest[0], chest[1]), (wide, chest[0], chest[1])))
        head = (chest[0] + 0.125 * h, chest[1] + 0.02 * h)
        parts.append(((0, chest[0] + .035 * h, chest[1]), (0, head[0] - 0.04 * h, head[1])))
        parts.append(((0, head[0] + .034 * h, head[1] - .004 * h),
                      (0, head[0] + .005 * h, head[1] - .02 * h)))
        parts.append(((0, head[0] + 0.01 * h, head[1]),
                      (0, head[0] - 0.025 * h, head[1] + 0.01 * h)))
        for side, offset in ((-1, pi), (1, 0.0)):
            reach, lift = (0.75 * self.swing + 0.25 * v) * sin(phase + offset), 0.08
            bend = 0.2 + 1.35 * v
            if a == 'wave':
                lift = 1.35 + 1.15 * sin(beat)
                bend = 0.1
                reach = 0.0
            elif a == 'clap':
                reach, bend, lift = 1.35, 0.35, 0.55 * (1 + sin(beat)) - 0.35
            elif a == 'box':
                punch = max(0.0, sin(beat * 1.5 + (0 if side > 0 else pi)))
                reach, bend, lift = 0.4 + 1.1 * punch, 2.2 * (1 - punch), 0.1
            elif a == 'greet' and side > 0:
                reach, lift, bend = 0.0, 2.1 + 0.12 * sin(2 * beat), 0.9 * sin(2 * beat)
            sx = side * 0.115 * h * self.slim
            shoulder = (sx, chest[0] - 0.005 * h, chest[1])
            elbow = _reach(shoulder, 0.17 * h, reach, side * lift)
            fold = side * (lift + (bend if a == 'greet' and side > 0 else 0))
            hand = _reach(elbow, 0.15 * h, reach + (0 if a == 'greet' else bend), fold)
            parts += [(shoulder, elbow), (elbow, hand), (hand, _reach(hand, .03 * h, reach, fold))]
        r = h * np.array([[.053, .038], [.037, .024], [.022, .018]] * 2
                         + [[.062, .062], [.076, .082], [.045, .045], [.027, .027], [.05, .052],
                            [.05, .046]] + [[.033, .026], [.025, .018], [.02, .018]] * 2)
        return np.array(parts), r * (0.7 + 0.3 * self.slim)

    def world(self, t, where):
        x, y, z, turn, _ = where
        ends, radii = self.limbs(t)
        sh, ch = sin(turn), cos(turn)
        side, up, ahead = ends[..., 0], ends[..., 1], ends[..., 2]
        return np.stack([x + side * ch + ahead * sh, y + up, z - side * sh + ahead * ch], -1), radii

    def draw(self, frame, view, t, where, light):
        p, radii = self.world(t, where)
        uv, depth = view.project(p.reshape(-1, 3))
        if depth.min() < NEAR:
            return
        uv, depth = uv.reshape(-1, 2, 2), depth.reshape(-1, 2)
        r = radii * view.fx / depth
        order = np.argsort(-depth.mean(1), kind='stable')
        shapes = capsules(uv[:, 0], uv[:, 1], r[:, 0], r[:, 1])
        # Limbs on the far side lie in the body's own shade.
        far = np.clip((depth.mean(1) - depth.mean()) / (0.2 * self.height), -1, 1)
        tone = light.level * self.colours * (0.93 - 0.13 * far)[:, None]
        polygons, tones = [], []
        shiny = r.max() > 3.5
        if shiny:
            shift = np.array(light.glint) * r.mean(1)[:, None] * 0.35
            inner = capsules(uv[:, 0] + shift, uv[:, 1] + shift, r[:, 0] * .55, r[:, 1] * .55)
        for i in order:
            polygons.append(shapes[i])
            tones.append(tone[i])
            if shiny:
                polygons.append(inner[i])
                tones.append(tone[i] * 1.13 + 6)
        zoom = self.height * view.fx / depth.mean() / 90
        paint(frame, polygons, tones, self.tile, uv[7, 0], zoom)

    def shadow(self, frame, view, t, where, light):
        p, radii = self.world(t, where)
        if light.hard:
            p = p[:, :, :] + p[:, :, 1:2] * np.array([light.sun[0], 0, light.sun[1]])
            p[..., 1] = 0.0
        else:
            p = p[[2, 5]] * np.array([1, 0, 1.0])
            radii = radii[[2, 5]] * 5
        uv, depth = view.project(p.reshape(-1, 3))
        if depth.min() < NEAR:
            return
        uv, r = uv.reshape(-1, 2, 2), radii * view.fx / depth.reshape(-1, 2)
        shapes = capsules(uv[:, 0], uv[:, 1], r[:, 0], r[:, 1], 4)
        soft = (0.02 if light.hard else 0.12) * view.fx / depth.mean()
        darken(frame, list(shapes), light.shadow, soft)


def _reach(start, length, forward, outward):
    """The end of a limb of `length` hanging from start, swung forward and outward (radians)."""
    return (start[0] + length * sin(outward),
            start[1] - length * cos(forward) * cos(outward),
            start[2] + length * sin(forward) * cos(outward))


# Convex side views, as fractions of length (forward) and height (up): lower body, cabin.
BODIES = {
    'car': (4.3, 1.45, 1.8, ((-.5, .2), (-.49, .55), (-.44, .62), (.3, .6), (.48, .48), (.5, .2)),
            ((-.42, .6), (-.3, .97), (.02, 1.0), (.27, .6))),
    'van': (4.9, 2.1, 1.95, ((-.5, .15), (-.5, .5), (.38, .5), (.5, .4), (.5, .15)),
            ((-.5, .5), (-.49, 1.0), (.22, 1.0), (.4, .5))),
    'bus': (10.5, 3.1, 2.5, ((-.5, .1), (-.5, .4), (.5, .4), (.5, .1)),
            ((-.5, .4), (-.5, 1.0), (.48, 1.0), (.5, .4))),
}


class Vehicle:
    """A car, van or bus: two convex prisms with windows, and wheels that roll as it travels."""

    def __init__(self, rng, path: Path, model=None, paint_colour=None):
        self.path = path
        model = model or ('car', 'car', 'van', 'bus')[rng.integers(4)]
        self.length, self.height, self.width, body, cabin = BODIES[model]
        self.height *= rng.uniform(0.92, 1.08)
        self.colour = colour(rng, rng.uniform(0, 1), 30, 235)
        if paint_colour is not None:
            self.colour = np.float32(paint_colour)
        scale = np.array([self.length, self.height])
        self.prisms = [(np.array(body) * scale, self.width), (np.array(cabin) * scale,
                                                              self.width * 0.88)]
        self.wheel = 0.31 if model == 'car' else 0.36 if model == 'van' else 0.5
        self.panes = {'car': 2, 'van': 3, 'bus': 6}[model]
        self.tile = texture(rng, 64, 'cloud', (228, 228, 228), 0.15)

    def faces(self, travelled: float):
        """Outward faces (n, 3) as (side, up, forward), each with its colour, back faces too."""
        out = []
        glass = np.float32([38, 48, 58])
        for k, (profile, width) in enumerate(self.prisms):
            n = len(profile)
            for s in (-1, 1):
                flat = np.column_stack([np.full(n, s * width / 2), profile[:, 1], profile[:, 0]])
                out.append((flat if s < 0 else flat[::-1], self.colour * 0.88))
                if k:
                    out += self._windows(profile, s * width / 2, glass, s)
                else:
                    out += self._seams(profile, s)
            for i in range(n):
                (f0, u0), (f1, u1) = profile[i], profile[(i + 1) % n]
                w = width / 2
                quad = np.array([[-w, u0, f0], [w, u0, f0], [w, u1, f1], [-w, u1, f1]])
                steep = abs(u1 - u0) / (hypot(u1 - u0, f1 - f0) + 1e-6)
                if u0 + u1 < 0.45 * self.height:
                    continue
                out.append((quad, self.colour * (1.12 - 0.25 * steep)))
                if k and steep > 0.35:
                    out.append((_inset(quad, 0.86), glass * 1.25))
        lamp_y, end = 0.42 * self.height if self.panes == 2 else 0.3 * self.height, self.length / 2
        for s in (-1, 1):
            for f, col in ((end + .01, (250, 240, 205)), (-end - .01, (190, 25, 25))):
                a, b = sorted((s * self.width * .3, s * self.width * .46))
                quad = np.array([[a, lamp_y, f], [b, lamp_y, f], [b, lamp_y + .17, f],
                                 [a, lamp_y + .17, f]])
                out.append((quad[::-1] if f > 0 else quad, np.float32(col)))
        roll = travelled / self.wheel
        for s in (-1, 1):
            for f in (-0.31, 0.31):
                for r, col, n in ((1.0, 22, 14), (0.62, 150, 12)):
                    out.append((self._disc(s, f, r, n), np.full(3, col, np.float32)))
                for spoke in range(4):
                    a = -roll + spoke * pi / 2
                    dirs = np.array([[a - .3, .6], [a + .3, .6], [a + .15, .15], [a - .15, .15]])
                    disc = np.column_stack([np.full(4, s * (self.width / 2 + .02)),
                                            self.wheel * (1 + dirs[:, 1] * np.sin(dirs[:, 0])),
                                            f * self.length + self.wheel * dirs[:, 1]
                                            * np.cos(dirs[:, 0])])
                    out.append((disc[::-1] if s < 0 else disc, np.full(3, 70, np.float32)))
        return out

    def _seams(self, profile, s):
        """Sill and door edges on one side of the lower body."""
        low, top = profile[:, 1].min(), profile[2 if len(profile) > 5 else 1, 1]
        x, n, sill = s * self.width / 2, self.length, low + 0.2 * (top - low)
        bands = [(-.2 * n, .2 * n, low, sill)] + [(f * n, f * n + .035, sill, top * .97)
                                                 for f in (-.17, .02, .2)]
        out = []
        for f0, f1, u0, u1 in bands:
            quad = np.array([[x, u0, f0], [x, u1, f0], [x, u1, f1], [x, u0, f1]])
            # Viewed from the left, forward points left: the same winding as the profile's.
            out.append((quad if s < 0 else quad[::-1], self.colour * 0.5))
        return out

    def _disc(self, s, f, r, n):
        a = np.linspace(0, 2 * pi, n, endpoint=False) * s
        return np.column_stack([np.full(n, s * (self.width / 2 + .01)),
                                self.wheel * (1 + r * np.sin(a)),
                                f * self.length + self.wheel * r * np.cos(a)])

    def _windows(self, profile, x, glass, s):
        """Panes along the cabin's side, between its lower and upper edge."""
        (b0, low), (t0, top), (t1, _), (b1, _) = profile
        panes = []
        for i in range(self.panes):
            lo, hi = (i + .06) / self.panes, (i + .94) / self.panes
            pts = []
            for q, level in ((lo, .1), (lo, .88), (hi, .88), (hi, .1)):
                q = .04 + .92 * q
                f = (1 - level) * (b0 + q * (b1 - b0)) + level * (t0 + q * (t1 - t0))
                pts.append([x, low + level * (top - low), f])
            panes.append((np.array(pts if s < 0 else pts[::-1]), glass))
        return panes

    def world(self, local, where):
        x, y, z, turn, _ = where
        sh, ch = sin(turn), cos(turn)
        side, up, ahead = local[:, 0], local[:, 1], local[:, 2]
        return np.stack([x + side * ch + ahead * sh, y + up, z - side * sh + ahead * ch], -1)

    def draw(self, frame, view, t, where, light):
        faces = self.faces(where[4])
        sizes = np.cumsum([len(f) for f, _ in faces])
        uv, depth = view.project(self.world(np.concatenate([f for f, _ in faces]), where))
        if depth.min() < NEAR:
            return
        polygons, tones = [], []
        for (_, tone), poly in zip(faces, np.split(uv, sizes[:-1])):
            e, g = poly[1] - poly[0], poly[2] - poly[1]
            if e[0] * g[1] - e[1] * g[0] < 0:
                polygons.append(poly)
                tones.append(tone * light.level)
        if polygons:
            zoom = view.fx / depth.mean() * 3 / 64
            paint(frame, polygons, tones, self.tile, uv.mean(0), zoom)

    def shadow(self, frame, view, t, where, light):
        h, w, f = self.height * 0.9 * light.hard, self.width / 2, self.length / 2
        local = np.array([[i, u, j] for u in (0.0, h) for i in (-w, w) for j in (-f, f)])
        p = self.world(local, where)
        p += p[:, 1:2] * np.array([light.sun[0], 0, light.sun[1]])
        p[:, 1] = 0.0
        uv, depth = view.project(p)
        if depth.min() >= NEAR:
            hull = cv2.convexHull(uv.astype(np.float32))[:, 0].astype(np.float64)
            darken(frame, [hull], min(0.75, light.shadow * 1.3), 0.08 * view.fx / depth.mean())


def _inset(quad, keep):
    mid = quad.mean(0)
    return mid + (quad - mid) * keep


class Shape:
    """A textured flat body, or a chain of swinging bars: ellipse, polygon, star, blob, chain."""

    def __init__(self, rng, path: Path, size: float, kind=None, upright=False, tile=None):
        self.path, self.size, self.upright = path, size, upright
        self.kind = kind or ('ellipse', 'polygon', 'star', 'blob', 'chain')[rng.integers(5)]
        n = {'ellipse': 24, 'polygon': int(rng.integers(3, 7)), 'star': 10, 'blob': 28}.get(
            self.kind, 4)
        a = np.linspace(0, 2 * pi, n, endpoint=False) + rng.uniform(0, 6)
        r = np.ones(n)
        if self.kind == 'star':
            r[::2] = rng.uniform(0.35, 0.7)
        if self.kind == 'blob':
            r += 0.25 * np.sin(3 * a + rng.uniform(0, 6)) + 0.15 * np.sin(5 * a + rng.uniform(0, 6))
        stretch = rng.uniform(0.45, 1.0)
        self.outline = np.column_stack([r * np.cos(a), stretch * r * np.sin(a)]) * size / 2
        self.spin = rng.normal(0, 1.2) * (rng.random() < 0.7) * (0 if upright else 1)
        self.swing = rng.uniform(0.2, 1.2, 4), rng.uniform(1, 7, 4), rng.uniform(0, 6, 4)
        self.links = int(rng.integers(2, 5))
        self.tile = texture(rng, 128, None, colour(rng, 0.8)) if tile is None else tile
        self.bright = rng.uniform(0.8, 1.15)

    def draw(self, frame, view, t, where, light, dark=False):
        x, y, z, turn, _ = where
        angle = self.spin * t + turn * (self.spin == 0) * (not self.upright)
        if self.kind == 'chain':
            local, start, bend = [], np.zeros(2), angle
            for k in range(self.links):
                amount, rate, phase = (s[k] for s in self.swing)
                bend += amount * sin(rate * t + phase)
                end = start + np.array([cos(bend), sin(bend)]) * self.size * 0.45
                bar = np.array([self.size * 0.11 * 0.85 ** k])
                local.append(capsules(start[None], end[None], bar, bar * 0.8)[0])
                start = end
        else:
            c, s = cos(angle), sin(angle)
            local = [self.outline @ np.array([[c, s], [-s, c]])]
        sizes = np.cumsum([len(p) for p in local])
        flat = np.concatenate(local)
        p = np.zeros((len(flat), 3))
        p[:, 0] = x + flat[:, 0]
        if self.upright:
            p[:, 1], p[:, 2] = y + self.size / 2 + flat[:, 1], z
        else:
            p[:, 1], p[:, 2] = y + 0.02, z + flat[:, 1]
        uv, depth = view.project(p)
        if depth.min() < NEAR:
            return
        polygons = np.split(uv, sizes[:-1])
        scale = view.fx / depth.mean()
        if dark:
            shift = np.array(light.sun) * 0.12 * self.size * scale
            darken(frame, [q + shift for q in polygons], light.shadow * .8, .05 * self.size * scale)
            return
        tone = np.full((len(polygons), 3), min(255, 235 * self.bright * light.level))
        mid, _ = view.project(np.array([[x, y, z]]))
        paint(frame, polygons, tone, self.tile, mid[0], scale * self.size / 90,
              -angle - view.roll, self.kind == 'ellipse')

    def shadow(self, frame, view, t, where, light):
        if not self.upright:
            self.draw(frame, view, t, where, light, True)


class Post:
    """Something fixed beside the way: a pole, a tree, a box; it hides what is behind it."""

    def __init__(self, rng, path: Path, kind=None, height=None, leaves=18):
        self.path = path
        self.kind = kind or ('pole', 'tree', 'box')[rng.integers(3)]
        self.height = height or {'pole': 5.0, 'tree': 5.5, 'box': 1.6}[self.kind] * rng.uniform(
            0.7, 1.3)
        self.width = {'pole': 0.14, 'tree': 0.3, 'box': rng.uniform(0.5, 2.5)}[self.kind]
        bark = np.float32([104, 90, 76]) * rng.uniform(0.5, 1.3)
        if self.kind == 'box':
            bark = colour(rng, 0.7)
        elif self.kind == 'pole':
            bark = colour(rng, 0.15, 50, 170)
        self.polys = [np.array([[-.5, 0], [.5, 0], [.42, 1.0], [-.42, 1.0]])
                      * (self.width, self.height * (0.6 if self.kind == 'tree' else 1))]
        self.tones = [bark]
        leaf = np.float32([62, 88, 42]) * rng.uniform(0.75, 1.3) + rng.normal(0, 6, 3)
        spread, around = np.sqrt(rng.random(leaves)), rng.uniform(0, 2 * pi, leaves)
        crown = np.column_stack([0.2 * spread * np.cos(around), 0.24 * spread * np.sin(around)])
        crown = crown[:leaves if self.kind == 'tree' else 0]
        # Low clumps lie in shade and behind; those at the top catch the light.
        for k, off in enumerate(crown[np.argsort(crown[:, 1])]):
            a = np.linspace(0, 2 * pi, 9, endpoint=False) + k
            r = rng.uniform(0.25, 0.62) / sqrt(leaves) * self.height
            middle = off * self.height + (0, 0.74 * self.height)
            self.polys.append(middle + r * np.column_stack([np.cos(a), np.sin(a)]))
            self.tones.append(leaf * (0.95 + 1.1 * off[1] + rng.normal(0, 0.09)))
        self.tile = texture(rng, 64, 'grass' if self.kind == 'tree' else None, (200, 200, 200), .6)

    def _points(self, where):
        flat = np.concatenate(self.polys)
        x, _, z, _, _ = where
        return np.column_stack([x + flat[:, 0], flat[:, 1], np.full(len(flat), z)])

    def draw(self, frame, view, t, where, light, dark=False):
        p = self._points(where)
        if dark:
            p += p[:, 1:2] * np.array([light.sun[0], 0, light.sun[1]]) * light.hard
            p[:, 1] = 0
        uv, depth = view.project(p)
        if depth.min() < NEAR:
            return
        polygons = np.split(uv, np.cumsum([len(q) for q in self.polys])[:-1])
        scale = view.fx / depth.mean()
        if dark:
            darken(frame, polygons, light.shadow, .06 * scale)
        else:
            paint(frame, polygons, [c * light.level for c in self.tones], self.tile, uv[0],
                  scale * self.height / 150)

    def shadow(self, frame, view, t, where, light):
        if light.hard:
            self.draw(frame, view, t, where, light, True)
