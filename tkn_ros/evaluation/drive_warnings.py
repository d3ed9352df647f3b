"""Warnings of a drive beside what happened, and beside three simpler ways to warn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tkn_ros.evaluation.drive import DriveLog, DriveStep
from tkn_ros.evaluation.drive_settings import DriveSettings
from tkn_ros.evaluation.point_tracks import read_tracks
from tkn_ros.evaluation.warning_baselines import VELOCITY_FRAMES, constant_velocity
from tkn_ros.evaluation.warning_events import (
    Span,
    events_from_keypoints,
    events_from_tracks,
    read_events,
)
from tkn_ros.evaluation.warning_trial import Clip, compare_ways, warn
from tkn_ros.streaming.prediction import Prediction
from tkn_ros.video.bags import BagSource
from tkn_ros.video.encodings import message_to_rgb
from tkn_ros.video.frame import VideoError
from tkn_ros.video.geometry import InputGeometry
from tkn_ros.video.stamps import NS, to_ns
from tkn_ros.warning.decision import Level, Warner, ZoneWarning
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import WarningSettings


class DriveWarnings:
    """What would have been warned of, prediction by prediction.

    Attributes:
        points: what each prediction said, stamps from the drive's first image on; 12 kB for 32
            keypoints and a horizon of 30.
        levels: {stamp_ns: {zone: level name}} where any zone is not OK.
        newest: of every zone, at the newest image; none where it has no prediction.
    """

    def __init__(self, settings: WarningSettings) -> None:
        self.settings = settings
        self.points: list[ForeseenPoints] = []
        self.levels: dict[int, dict[str, str]] = {}
        self.newest: list[ZoneWarning] = []
        self.size = (0, 0)
        self._warner = Warner(settings)
        self._first_ns: int | None = None

    def add(self, step: DriveStep) -> None:
        """The next image."""
        if self._first_ns is None:
            self._first_ns = step.stamp_ns
        self.size, self.newest = step.geometry.source, []
        if step.prediction is None:
            return
        points = foreseen_points(step.prediction, step.geometry, self._first_ns)
        if self.points and points.stamp_ns <= self.points[-1].stamp_ns:
            return  # time went back: what follows has no place on the drive's line of time
        self.points.append(points)
        self.newest = self._warner.update(points)
        said = {w.zone: w.level.name for w in self.newest if w.level > Level.OK}
        if said:
            self.levels[step.stamp_ns] = said

    def end(self) -> None:
        """Nothing more comes."""

    def figures(self, source: BagSource, settings: DriveSettings, log: DriveLog) -> dict[str, Any]:
        """Of the ways to warn, see `compare_ways`, with `events` and `warnings` as lists.

        Args:
            source: the bag.
            settings: of the evaluation.
            log: of the drive.
        """
        times = [(stamp - log.stamps[0]) / NS for stamp in log.stamps]
        events, of = self._events(settings, times)
        opencv = list(_flow_points(source, log.stamps, settings.horizon))
        zones = self.settings.zones
        clip = Clip(self.points, opencv, events, times_end=max(times))
        return {
            'events_from': of,
            'events': [_listed(event) for event in events],
            'warnings': [_listed(span) for span in warn(self.points, self.settings)],
            'false_alarms_a_minute': settings.false_alarms,
            'ways': compare_ways([clip], zones, settings.false_alarms) if zones else {},
        }

    def _events(self, settings: DriveSettings, times: list[float]) -> tuple[list[Span], str]:
        zones = self.settings.zones
        if settings.events:
            known = {zone.name for zone in zones}
            events = read_events(settings.events)
            if strange := sorted({event.zone for event in events} - known):
                raise ValueError(
                    f'{settings.events}: zone {strange[0]!r} is not among those of '
                    f'{settings.zones}: {", ".join(sorted(known))}'
                )
            return events, 'labels'
        if settings.tracks:
            tracks = read_tracks(settings.tracks, settings.tracks_scale)
            return events_from_tracks(tracks, zones, times, self.size), 'labelled tracks'
        seen = [point.stamp_ns / NS for point in self.points]
        return events_from_keypoints(self.points, zones, seen), 'observed keypoints'


def foreseen_points(
    prediction: Prediction, geometry: InputGeometry, first_ns: int = 0
) -> ForeseenPoints:
    """What the warning node receives of a prediction, stamps less first_ns; the newest frame alone
    of what was observed."""
    pixels = prediction.pixels()
    return ForeseenPoints(
        ids=prediction.ids,
        active=prediction.active & prediction.known[-1],
        observed=geometry.to_source(pixels.observed[-1:]).astype(np.float32),
        observed_ns=np.array([prediction.newest.stamp_ns - first_ns]),
        predicted=geometry.to_source(pixels.predicted).astype(np.float32),
        predicted_ns=np.array(prediction.predicted_ns) - first_ns,
        sigma=pixels.sigma.astype(np.float32),
        frame_period=prediction.period_ns / NS,
        size=geometry.source,
    )


def _flow_points(source: BagSource, stamps: list[int], horizon: int) -> Iterator[ForeseenPoints]:
    """OpenCV's tracks at constant velocity, of the same images, at their own stamps."""
    if len(stamps) < 2:
        return
    period = float(np.median(np.abs(np.diff(stamps)))) / NS
    later = -1
    images = _images(source)
    for number, points in enumerate(
        constant_velocity(images, period, horizon), start=VELOCITY_FRAMES
    ):
        at = stamps[number] - stamps[0]
        if at <= later:
            continue
        later = at
        shift = at - points.stamp_ns
        active = points.active
        yield replace(
            points,
            ids=points.ids[active],
            active=points.active[active],
            observed=points.observed[:, active].astype(np.float32),
            predicted=points.predicted[:, active].astype(np.float32),
            sigma=np.broadcast_to(np.float32(0), points.predicted[:, active].shape[:2]),
            observed_ns=points.observed_ns + shift,
            predicted_ns=points.predicted_ns + shift,
        )


def _images(source: BagSource) -> Iterator[np.ndarray]:
    """Those that the drive had: the same messages are refused."""
    for message in source.messages():
        if not message.error:
            try:
                to_ns(message.message.header.stamp)
                image = message_to_rgb(message.message)
            except VideoError:
                continue
            yield image


def _listed(span: Span) -> dict[str, Any]:
    return {'zone': span.zone, 'start': round(span.start, 3), 'end': round(span.end, 3)}
