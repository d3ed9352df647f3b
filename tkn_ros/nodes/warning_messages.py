"""Warnings between messages and plain data, and as pictures for RViz: pure functions."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import ImageMarker, Marker, MarkerArray

from tkn_ros.msg import DangerWarning, DangerWarnings, KeypointFrame, PredictedKeypoints
from tkn_ros.nodes.markers import DISTANCE, image_plane
from tkn_ros.video.stamps import NS, to_ns
from tkn_ros.warning.decision import Level, ZoneWarning
from tkn_ros.warning.points import ForeseenPoints
from tkn_ros.warning.zones import Zone

MOST_SECONDS = 2**31 - 1  # that a Duration holds
COLOURS = {
    Level.OK: (0.3, 0.8, 0.3),
    Level.CAUTION: (1.0, 0.75, 0.0),
    Level.DANGER: (1.0, 0.15, 0.1),
}
STALE_COLOUR = (0.6, 0.6, 0.6)
LIFETIME = Duration(sec=2)  # of what is drawn


def message_to_points(message: PredictedKeypoints) -> ForeseenPoints:
    """Raises ValueError where the message contradicts itself."""
    if not message.observed:
        raise ValueError('predicted_keypoints without an observed frame; is the publisher ours?')
    newest = message.observed[-1].keypoints
    frames = [*message.observed, *message.predicted]
    if any(len(frame.keypoints) != len(newest) for frame in frames):
        raise ValueError('predicted_keypoints whose frames have different numbers of keypoints')

    def places(some: Sequence[KeypointFrame]) -> np.ndarray:
        values = [[(k.x, k.y) for k in frame.keypoints] for frame in some]
        return np.array(values, float).reshape(len(some), len(newest), 2)

    sigma = [[k.sigma for k in frame.keypoints] for frame in message.predicted]
    observed, predicted = places(message.observed), places(message.predicted)
    spread = np.array(sigma, float).reshape(len(predicted), len(newest))
    finite = (
        np.isfinite(observed[-1]).all(-1)
        & np.isfinite(predicted).all((0, 2))
        & np.isfinite(spread).all(0)
    )
    # where a keypoint is nowhere, it is not judged
    for values in (observed, predicted, spread):
        np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return ForeseenPoints(
        ids=np.array([k.id for k in newest], int),
        active=np.array([k.active for k in newest], bool) & finite,
        observed=observed,
        observed_ns=np.array([to_ns(frame.stamp) for frame in message.observed]),
        predicted=predicted,
        predicted_ns=np.array([to_ns(frame.stamp) for frame in message.predicted], int),
        sigma=np.abs(spread),
        frame_period=message.frame_period,
        size=(message.image_height, message.image_width),
    )


def warnings_to_message(
    warnings: Iterable[ZoneWarning], header: Header, camera: str, observed_stamp: Time
) -> DangerWarnings:
    """The list form; its entries are what is published one by one.

    Args:
        warnings: of `Warner`.
        header: when this was decided, and the camera's frame.
        camera: its name.
        observed_stamp: of the newest observed frame.
    """
    return DangerWarnings(
        header=header,
        camera=camera,
        observed_stamp=observed_stamp,
        warnings=[
            DangerWarning(
                header=header,
                camera=camera,
                observed_stamp=observed_stamp,
                level=int(w.level),
                stale=w.stale,
                untrusted=w.untrusted,
                zone=w.zone,
                probability=w.probability,
                time_to_entry=_duration(w.time_to_entry),
                ids=list(w.ids),
            )
            for w in warnings
        ],
    )


def _duration(seconds: float) -> Duration:
    if not np.isfinite(seconds):
        return Duration(sec=-1)
    ns = round(min(seconds, MOST_SECONDS) * NS)
    return Duration(sec=ns // NS, nanosec=ns % NS)


def image_markers(
    warnings: Sequence[ZoneWarning],
    zones: Sequence[Zone],
    points: ForeseenPoints,
    header: Header,
) -> list[ImageMarker]:
    """Outlines of the zones and the offenders' predicted paths, in pixels of the image.

    Args:
        warnings: of `Warner`.
        zones: of its settings.
        points: that were judged.
        header: stamp of the image, and the camera's frame.
    """
    markers: list[ImageMarker] = []
    for zone, line, _, warning in _lines(warnings, zones, points):
        colour = _colour(warning)
        markers.append(
            ImageMarker(
                header=header,
                ns=f'danger/{zone}',
                id=len(markers),
                type=ImageMarker.LINE_STRIP,
                scale=2.0,
                outline_color=colour,
                lifetime=LIFETIME,
                points=[Point(x=x, y=y) for x, y in line.tolist()],
                outline_colors=[colour] * len(line),
            )
        )
    return markers


def markers(
    warnings: Sequence[ZoneWarning],
    zones: Sequence[Zone],
    points: ForeseenPoints,
    header: Header,
) -> MarkerArray:
    """The same for RViz, on the plane of `image_plane`.

    Args:
        warnings: of `Warner`.
        zones: of its settings.
        points: that were judged.
        header: stamp of the image, and the camera's optical frame (z forward, x right, y down).
    """
    to_plane = image_plane(points.size)
    found = [Marker(header=header, action=Marker.DELETEALL)]

    def marker(kind: int, zone: str, warning: ZoneWarning) -> Marker:
        made = Marker(
            header=header,
            ns=f'danger/{zone}',
            id=len(found),
            type=kind,
            color=_colour(warning),
            lifetime=LIFETIME,
        )
        made.pose.orientation.w = 1.0
        found.append(made)
        return made

    for zone, pixels, closed, warning in _lines(warnings, zones, points):
        line = to_plane(pixels)
        drawn = marker(Marker.LINE_STRIP, zone, warning)
        drawn.points = [Point(x=x, y=y, z=DISTANCE) for x, y in line.tolist()]
        drawn.scale.x = 0.006
        if closed:
            text = marker(Marker.TEXT_VIEW_FACING, zone, warning)
            text.text, text.scale.z = describe(warning), 0.03
            x, y = line[line[:, 1].argmin()].tolist()
            text.pose.position = Point(x=x, y=y - 0.02, z=DISTANCE)
    return MarkerArray(markers=found)


def describe(warning: ZoneWarning) -> str:
    """In a few words, for people."""
    words = f'{warning.zone}: {warning.level.name}'
    if warning.stale:
        return f'{words}, no prediction'
    if warning.untrusted:
        words += ', predictions are not trusted'
    if warning.level == Level.OK or not np.isfinite(warning.time_to_entry):
        return words
    return f'{words} in {warning.time_to_entry:.1f} s ({100 * warning.probability:.0f} %)'


def _lines(
    warnings: Sequence[ZoneWarning], zones: Sequence[Zone], points: ForeseenPoints
) -> Iterator[tuple[str, np.ndarray, bool, ZoneWarning]]:
    """Zone's name, (V, 2) pixels, whether it is a closed outline, and its warning."""
    by_name = {w.zone: w for w in warnings}
    for zone in zones:
        for outline in zone.outlines(points.size):
            yield zone.name, np.concatenate([outline, outline[:1]]), True, by_name[zone.name]
    places, _, _ = points.path()
    for warning in warnings:
        if warning.level > Level.OK:
            for k in np.flatnonzero(np.isin(points.ids, warning.ids)):
                yield warning.zone, places[:, k], False, warning


def _colour(warning: ZoneWarning) -> ColorRGBA:
    r, g, b = STALE_COLOUR if warning.stale else COLOURS[warning.level]
    return ColorRGBA(r=r, g=g, b=b, a=1.0)
