"""Zones in the picture that nothing should enter unannounced, and the file that describes them."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tkn_ros.input_files import read_text

APPROACH = 'approach'  # the name under which an approach without a zone is reported
MOST_ZONES, MOST_CORNERS = 64, 128
FARTHEST = 4.0  # normalised coordinates beyond this are pixels by mistake


@dataclass(frozen=True)
class Debouncing:
    """When a condition that comes and goes becomes a warning, and when it ends.

    Attributes:
        min_points: keypoints that must meet the condition at once, 1 or more.
        trigger_consecutive: predictions in a row that must meet it before it is a warning.
        release_consecutive: predictions in a row that must not, before it is over.
        hold: without a prediction for longer than this [s], the input is stale.
    """

    min_points: int = 2
    trigger_consecutive: int = 2
    release_consecutive: int = 3
    hold: float = 0.5


@dataclass(frozen=True)
class ZoneRules(Debouncing):
    """What counts as entering a zone.

    Attributes:
        time_before_entry: DANGER is said at most so long before entry [s], CAUTION earlier.
        min_probability: of being inside, in (0, 1), from which a keypoint counts.
        min_speed: along the predicted path, in widths of the image a second; slower ones do not
            count.
        into_only: keypoints that are inside and on their way out do not count.
        hysteresis: while a warning stands the zone is larger by so much, in widths of the image.
    """

    time_before_entry: float = 1.0
    min_probability: float = 0.7
    min_speed: float = 0.0
    into_only: bool = False
    hysteresis: float = 0.01


@dataclass(frozen=True)
class Zone:
    """A polygon in the picture, less those excluded from it.

    Attributes:
        name: unique in its file.
        polygon: (V, 2) x, y of the corners in order.
        exclude: polygons (W, 2) that do not belong to it.
        normalised: whether coordinates are shares of the image's width and height (0 left and top
            edge, 1 right and bottom), else pixels with 0 at a pixel's centre.
        rules: when it warns.
    """

    name: str
    polygon: np.ndarray
    exclude: tuple[np.ndarray, ...] = ()
    normalised: bool = True
    rules: ZoneRules = ZoneRules()

    def outlines(self, size: tuple[int, int]) -> list[np.ndarray]:
        """The polygon and then the excluded ones in pixels of an image of `size`."""
        scale = np.array(size[::-1], float)
        both = [self.polygon, *self.exclude]
        return [p * scale - 0.5 for p in both] if self.normalised else both

    def depth(self, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """How far inside points are: (.., 2) [pixel] -> (..) [pixel], below 0 outside.

        It is the distance to the nearest border, or a bound of it at an excluded polygon.
        """
        outline, *excluded = self.outlines(size)
        depth = signed_depth(points, outline)
        for other in excluded:
            depth = np.minimum(depth, -signed_depth(points, other))
        return depth


@dataclass(frozen=True)
class ApproachRules(Debouncing):
    """Warning without a zone: keypoints that move together and expand come nearer.

    Attributes:
        time_to_contact: DANGER is said when size / growth is at most this [s].
        reach: how far apart two keypoints of one group may be, in widths of the image.
        same_motion: how much their speeds may differ, in widths of the image a second.
        min_expansion: that their distance must grow by over the prediction, as a share.
    """

    min_points: int = 4
    trigger_consecutive: int = 3
    time_to_contact: float = 2.0
    reach: float = 0.15
    same_motion: float = 0.15
    min_expansion: float = 0.1


@dataclass(frozen=True)
class WarningSettings:
    """A whole file: zones, and approach rules or None."""

    zones: tuple[Zone, ...]
    approach: ApproachRules | None = None


def signed_depth(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Distance to a polygon's border: above 0 inside, below 0 outside.

    points: (.., 2); polygon: (V, 2) -> (..).
    """
    points = np.asarray(points, float)
    start, end = polygon, np.roll(polygon, -1, 0)  # (V, 2)
    along = end - start
    off = points[..., None, :] - start  # (.., V, 2)
    share = (off * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-12)
    nearest = off - np.clip(share, 0, 1)[..., None] * along
    distance = np.sqrt((nearest**2).sum(-1).min(-1))  # (..)
    # crossings of a ray to the right
    x, y = points[..., None, 0], points[..., None, 1]
    spans = (start[:, 1] > y) != (end[:, 1] > y)  # (.., V)
    rise = np.where(along[:, 1] == 0, 1.0, along[:, 1])
    crossed = spans & (x < start[:, 0] + (y - start[:, 1]) / rise * along[:, 0])
    inside = crossed.sum(-1) % 2 == 1
    return np.where(inside, distance, -distance)


def load_settings(path: str | Path) -> WarningSettings:
    """Read a file of zones. ValueError, with the file's name, for what is wrong with it."""
    return parse_settings(read_text(path, 'a YAML file of zones'), str(path))


def parse_settings(text: str, name: str = 'zones') -> WarningSettings:
    """YAML of zones, as in config/warning.yaml. ValueError says what is wrong, and where."""
    try:
        # an alias may stand for many others, and so on: a few lines that unfold to gigabytes
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ValueError('it has aliases (*name), which are not taken; write them out')
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f'{name}: not YAML: {" ".join(str(error).split())}') from None
    data = _mapping(name, data, ('coordinates', 'defaults', 'zones', 'approach'))
    coordinates = data.get('coordinates', 'normalised')
    if coordinates not in ('normalised', 'pixels'):
        raise ValueError(
            f'{name}: coordinates is {coordinates!r}, expected "normalised" or "pixels"'
        )
    defaults = _rules(f'{name}: defaults', ZoneRules(), data.get('defaults') or {})
    entries = data.get('zones') or []
    if not isinstance(entries, list) or len(entries) > MOST_ZONES:
        raise ValueError(f'{name}: zones is no list of at most {MOST_ZONES} zones')
    zones = tuple(
        _zone(f'{name}: zone {number}', entry, defaults, coordinates == 'normalised')
        for number, entry in enumerate(entries, 1)
    )
    names = [zone.name for zone in zones]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise ValueError(f'{name}: two zones are called {twice!r}; names must differ')
    approach = data.get('approach')
    rules = None if approach is None else _rules(f'{name}: approach', ApproachRules(), approach)
    if not zones and rules is None:
        raise ValueError(f'{name}: has neither zones nor approach; nothing would ever be warned of')
    return WarningSettings(zones, rules)


def _mapping(where: str, value: Any, known: tuple[str, ...]) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ValueError(f'{where} is {_short(value)}, expected a mapping with {", ".join(known)}')
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f'did you mean {near[0]}?' if near else f'known are {", ".join(known)}'
            raise ValueError(f'{where}: {_short(key)} is not known; {hint}')
    return value


def _zone(where: str, entry: Any, defaults: ZoneRules, normalised: bool) -> Zone:
    rules = tuple(f.name for f in fields(ZoneRules))
    entry = dict(_mapping(where, entry, ('name', 'polygon', 'exclude', *rules)))
    name = entry.pop('name', None)
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f'{where}: name is {_short(name)}, expected a text')
    if name == APPROACH:
        raise ValueError(f'{where}: the name {name!r} is taken by the approach without a zone')
    where = f'{where} ({name})'
    polygon = _polygon(f'{where}: polygon', entry.pop('polygon', None), normalised)
    holes = entry.pop('exclude', None) or []
    if not isinstance(holes, list) or len(holes) > MOST_ZONES:
        raise ValueError(f'{where}: exclude is no list of at most {MOST_ZONES} polygons')
    exclude = tuple(
        _polygon(f'{where}: exclude {number}', hole, normalised)
        for number, hole in enumerate(holes, 1)
    )
    return Zone(name, polygon, exclude, normalised, _rules(where, defaults, entry))


def _polygon(where: str, value: Any, normalised: bool) -> np.ndarray:
    try:
        corners = np.array(value, float)
    except (TypeError, ValueError, OverflowError):
        corners = np.zeros(0)
    if corners.ndim != 2 or corners.shape[1] != 2 or not 3 <= len(corners) <= MOST_CORNERS:
        raise ValueError(f'{where} is {_short(value)}, expected 3 to {MOST_CORNERS} corners [x, y]')
    if not np.isfinite(corners).all() or np.abs(corners).max() > 1e6:
        raise ValueError(f'{where} has a corner that is not finite: {_short(value)}')
    if normalised and np.abs(corners).max() > FARTHEST:
        raise ValueError(
            f'{where} has a coordinate of {np.abs(corners).max():g}, expected shares of the '
            "image's width and height (0 to 1); for pixels say `coordinates: pixels`"
        )
    x, y = corners.T
    if abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) < 1e-9:
        raise ValueError(f'{where} has no area: {_short(value)}')
    if _crosses_itself(corners):
        raise ValueError(f'{where} crosses itself; give its corners in order around it')
    return corners


def _crosses_itself(corners: np.ndarray) -> bool:
    ends = np.roll(corners, -1, 0)

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    for i in range(len(corners)):
        for j in range(i + 2, len(corners) - (i == 0)):
            a, b, c, d = corners[i], ends[i], corners[j], ends[j]
            if side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0:
                return True
    return False


# lowest and highest value, both allowed
_RANGES: dict[str, tuple[float, float]] = {
    'min_points': (1, 1000),
    'trigger_consecutive': (1, 1000),
    'release_consecutive': (1, 1000),
    'hold': (0.0, 60.0),
    'time_before_entry': (0.0, 60.0),
    'min_probability': (0.01, 0.99),
    'min_speed': (0.0, 100.0),
    'hysteresis': (0.0, 1.0),
    'time_to_contact': (0.01, 60.0),
    'reach': (0.001, 2.0),
    'same_motion': (0.001, 100.0),
    'min_expansion': (0.001, 10.0),
}


def _rules(where: str, defaults: Any, given: Any) -> Any:
    """`defaults` with the given values in their place."""
    known = tuple(f.name for f in fields(defaults))
    for key, value in _mapping(where, given, known).items():
        if key == 'into_only':
            if not isinstance(value, bool):
                raise ValueError(f'{where}: {key} is {_short(value)}, expected true or false')
            continue
        low, high = _RANGES[key]
        whole = isinstance(low, int)
        right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not right or not math.isfinite(value) or not low <= value <= high:
            kind = 'a whole number' if whole else 'a number'
            raise ValueError(
                f'{where}: {key} is {_short(value)}, expected {kind} from {low:g} to {high:g}'
            )
    return replace(defaults, **given)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
