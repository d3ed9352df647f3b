"""Warnings that a bag recorded beside what its keypoints then did, and zones as they are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from tkn_ros.evaluation.recorded_predictions import PredictionRecord
from tkn_ros.evaluation.warning_events import events_from_keypoints
from tkn_ros.evaluation.warnings import Matches, match, spans_on
from tkn_ros.video.stamps import NS
from tkn_ros.warning.decision import Level
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import WarningSettings, Zone

COLOURS = {Level.OK: (60, 200, 90), Level.CAUTION: (255, 200, 0), Level.DANGER: (255, 40, 40)}
SHADED = 0.25  # of a zone's colour where it warns
FAR = 10_000  # pixels: OpenCV's numbers have an end


class WarningCollector:
    """What was warned of, zone by zone, and whether keypoints entered.

    Args:
        settings: the zones that were watched.
    """

    def __init__(self, settings: WarningSettings) -> None:
        self.zones = settings.zones
        self.points: list[ForeseenPoints] = []
        self.danger: dict[str, list[bool]] = {zone.name: [] for zone in self.zones}

    def add(self, record: PredictionRecord) -> None:
        """The next record, in the order of the images; those without keypoints say nothing."""
        if record.paths is None or (self.points and record.stamp <= self.points[-1].stamp_ns):
            return
        paths, stamps = record.paths, np.array(record.future_stamps, np.int64)
        self.points.append(
            ForeseenPoints(
                ids=paths.ids,
                active=paths.active,
                observed=paths.now[None, :, :2],
                observed_ns=np.array([record.stamp]),
                predicted=paths.future[..., :2],
                predicted_ns=stamps,
                sigma=paths.sigma,
                frame_period=record.period / NS,
                size=record.image.shape[:2],
            )
        )
        for zone in self.zones:
            level = record.warnings.get(zone.name, Level.OK)
            self.danger[zone.name].append(level == Level.DANGER)

    def figures(self) -> dict[str, dict[str, float | int | None]]:
        """Of each zone `WarningFigures`. An event is that `min_points` keypoints are in it."""
        if not self.points:
            return {}
        first = self.points[0].stamp_ns
        times = [(p.stamp_ns - first) / NS for p in self.points]
        out = {}
        for zone in self.zones:
            said = spans_on(zone.name, times, self.danger[zone.name])
            happened = events_from_keypoints(self.points, [zone], times)
            judged = (times[0], times[-1])
            found: Matches = match(said, happened, judged)
            out[zone.name] = found.figures().rounded()
        return out


def draw_zones(
    image: np.ndarray,
    zones: Sequence[Zone],
    levels: Mapping[str, Level],
    source: tuple[int, int],
) -> np.ndarray:
    """The picture with each zone's outline, by level green, yellow or red and then shaded.

    Args:
        image: (H, W, 3) uint8 RGB.
        zones: to draw.
        levels: by name of the zone; those that are missing are OK.
        source: (height, width) of the picture that the zones are of, whatever the size of `image`.
    """
    out = image.copy()
    scale = np.array([image.shape[1] / source[1], image.shape[0] / source[0]])
    line = max(1, round(min(image.shape[:2]) / 150))
    for zone in zones:
        level = levels.get(zone.name, Level.OK)
        outlines = [((o + 0.5) * scale - 0.5).clip(-FAR, FAR) for o in zone.outlines(source)]
        polygons = [np.rint(o).astype(np.int32) for o in outlines]
        if level > Level.OK:
            over = out.copy()
            cv2.fillPoly(over, polygons, COLOURS[level])  # even-odd: excluded ones stay free
            out = cv2.addWeighted(over, SHADED, out, 1 - SHADED, 0)
        cv2.polylines(out, polygons, True, COLOURS[level], line, cv2.LINE_AA)
    return out
