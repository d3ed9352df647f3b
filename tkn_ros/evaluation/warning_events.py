"""When something was in a zone: from a file of labels, labelled tracks, masks or keypoints."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tkn_ros.evaluation.point_tracks import Tracks
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import Zone

LEAST_SHARE = 0.25  # of the object, or of the zone, that must overlap for it to be in
LEAST_PIXELS = 60  # of a mask: smaller figures are passed over
GAP = 1.0  # [s] shorter ones between two occupations are none
_ACROSS, _DOWN = 8, 16  # points that stand for a box


@dataclass(frozen=True)
class Span:
    """From `start` to `end` [s] in a zone: an event if something was in it, or a warning."""

    zone: str
    start: float
    end: float


def read_events(path: str | Path) -> list[Span]:
    """Lines of `start,end,zone` in seconds from the recording's first frame; # starts a remark.

    Raises ValueError where a line is no such thing.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'not text'
        raise ValueError(f'{path}: cannot be read ({reason})') from None
    events = []
    for number, row in enumerate(csv.reader(text.splitlines(), skipinitialspace=True), 1):
        if not row or row[0].lstrip().startswith('#') or (number == 1 and row[0] == 'start'):
            continue
        try:
            start, end, zone = float(row[0]), float(row[1]), row[2].strip()
        except (ValueError, IndexError):
            start, end, zone = math.nan, math.nan, ''
        if not zone or not math.isfinite(start) or not start <= end < math.inf:
            raise ValueError(
                f'{path}: line {number} is {",".join(row)!r}, expected start,end,zone: seconds '
                'from the first frame with start <= end, and the name of a zone'
            )
        events.append(Span(zone, start, end))
    return sorted(events, key=lambda event: (event.start, event.zone))


def spans(
    zone: str, times: Sequence[float], inside: Sequence[bool], gap: float = GAP
) -> list[Span]:
    """Runs of True, those less than `gap` apart joined.

    Args:
        zone: name of the zone.
        times: (T,) increasing [s].
        inside: (T,) whether it is occupied then.
        gap: [s].
    """
    found: list[Span] = []
    for time, there in zip(times, inside):
        if not there:
            continue
        if found and time - found[-1].end <= gap:
            found[-1] = Span(zone, found[-1].start, time)
        else:
            found.append(Span(zone, time, time))
    return found


def events_from_tracks(
    tracks: Tracks, zones: Iterable[Zone], times: Sequence[float], size: tuple[int, int]
) -> list[Span]:
    """Events of labelled boxes: a quarter of the box, or of the zone, is covered by the other.

    Args:
        tracks: of `read_tracks`, in pixels of the recording.
        zones: to watch.
        times: of the recording's frames [s].
        size: (height, width) of the frames [pixel].
    """
    u, v = np.meshgrid((np.arange(_ACROSS) + 0.5) / _ACROSS, (np.arange(_DOWN) + 0.5) / _DOWN)
    unit = np.stack([u.ravel(), v.ravel()], -1)  # (P, 2)
    events = []
    for zone in zones:
        area = _area(zone, size)
        inside = []
        for frame in range(len(times)):
            boxes = np.array(list(tracks.get(frame, {}).values()), float).reshape(-1, 1, 4)
            points = boxes[..., :2] + unit * boxes[..., 2:]  # (B, P, 2)
            share = (zone.depth(points, size) >= 0).mean(-1)  # (B,)
            covered = share * boxes[:, 0, 2] * boxes[:, 0, 3] / area
            inside.append(bool((np.maximum(share, covered) >= LEAST_SHARE).any()))
        events += spans(zone.name, times, inside)
    return events


def events_from_masks(
    masks: Iterable[np.ndarray], zones: Sequence[Zone], times: Sequence[float]
) -> list[Span]:
    """The same of exact pictures of what moves.

    Args:
        masks: of each frame (H, W) int, the number of the figure at each pixel, 0 for none.
        zones: to watch.
        times: of the frames [s].
    """
    shapes: list[np.ndarray] = []
    inside: list[list[bool]] = [[] for _ in zones]
    for mask in masks:
        if not shapes:
            shapes = [_pixels(zone, mask.shape) for zone in zones]
        whole = np.bincount(mask.ravel())
        whole[0] = 0
        for shape, there in zip(shapes, inside):
            part = np.bincount(mask[shape], minlength=len(whole))
            enough = (part >= LEAST_SHARE * whole) | (part >= LEAST_SHARE * shape.sum())
            there.append(bool((enough & (whole >= LEAST_PIXELS)).any()))
    return [e for zone, there in zip(zones, inside) for e in spans(zone.name, times, there)]


def events_from_keypoints(
    points: Sequence[ForeseenPoints], zones: Iterable[Zone], times: Sequence[float]
) -> list[Span]:
    """Without labels: `min_points` active keypoints were observed inside, whatever was predicted.

    What no keypoint follows is then no event, so that recall is of what was seen at all.

    Args:
        points: one for each moment.
        zones: to watch.
        times: of the moments [s].
    """
    events = []
    for zone in zones:
        inside = [
            int((zone.depth(p.observed[-1][p.active], p.size) >= 0).sum()) >= zone.rules.min_points
            for p in points
        ]
        shortest = 1.5 * float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        found = spans(zone.name, times, inside)
        events += [event for event in found if event.end - event.start >= shortest]
    return events


def _pixels(zone: Zone, size: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool, which pixels' centres are inside."""
    y, x = np.mgrid[: size[0], : size[1]]
    return zone.depth(np.stack([x, y], -1), (size[0], size[1])) >= 0


def _area(zone: Zone, size: tuple[int, int]) -> float:
    """Of the zone within the picture [pixel], at least 1."""
    return max(float(_pixels(zone, size).sum()), 1.0)


def by_zone(found: Iterable[Span]) -> Mapping[str, list[Span]]:
    """Spans in order of their start."""
    out: dict[str, list[Span]] = {}
    for span in sorted(found, key=lambda s: s.start):
        out.setdefault(span.zone, []).append(span)
    return out
