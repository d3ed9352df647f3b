"""The warning node over real DDS, in its own process; and the example of a consumer."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hand_made import moving
from ros_rig import SECOND, Process, ros_or_skip, run_to_end, stamp_of
from ros_station import Station

ros_or_skip()

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue  # noqa: E402
from rcl_interfaces.srv import SetParameters  # noqa: E402
from std_msgs.msg import Bool, Header  # noqa: E402
from visualization_msgs.msg import ImageMarker, Marker, MarkerArray  # noqa: E402

from tkn_ros.msg import (  # noqa: E402
    DangerWarning,
    DangerWarnings,
    Keypoint,
    KeypointFrame,
    PredictedKeypoints,
)
from tkn_ros.nodes.conversions import to_time  # noqa: E402
from tkn_ros.nodes.warning_messages import message_to_points  # noqa: E402

DOCS = Path(__file__).resolve().parent.parent / 'docs'
ZONE = """
coordinates: pixels
defaults: {min_points: 1, trigger_consecutive: 1, release_consecutive: 1, hold: 60}
zones:
  - {name: %s, polygon: [[40, 40], [60, 40], [60, 60], [40, 60]]}
"""


def message(points):
    """As the predictor would have said it."""

    def frame(ns, places, sigma):
        return KeypointFrame(
            stamp=to_time(int(ns)),
            keypoints=[
                Keypoint(id=int(i), active=bool(a), x=float(x), y=float(y), sigma=float(s))
                for i, a, (x, y), s in zip(points.ids, points.active, places, sigma)
            ],
        )

    nothing = [0.0] * len(points.ids)
    return PredictedKeypoints(
        header=Header(stamp=to_time(points.stamp_ns), frame_id='lens'),
        image_height=points.size[0],
        image_width=points.size[1],
        frame_period=points.frame_period,
        observed=[frame(t, p, nothing) for t, p in zip(points.observed_ns, points.observed)],
        predicted=[frame(*row) for row in zip(points.predicted_ns, points.predicted, points.sigma)],
    )


class WarningRig(Process):
    """A warning node with the test before and behind it."""

    def __init__(self, station: Station, folder: Path, namespace: str, **parameters):
        self.station, self.namespace, self.step = station, f'/{namespace}', 0
        super().__init__('warning', folder, {'__ns': self.namespace}, **parameters)
        self.out = station.publisher(PredictedKeypoints, f'{self.namespace}/predicted_keypoints')
        self.danger = self.hear(DangerWarning, 'danger')
        self.lists = self.hear(DangerWarnings, 'danger_warnings')
        station.wait(
            lambda: not self.alive() or self.out.get_subscription_count(), 'it', log=self.log
        )
        assert self.alive(), self.log()

    def hear(self, kind, name):
        return self.station.hear(kind, f'{self.namespace}/{name}')

    def send(self, at, velocity, **kwargs):
        """A prediction, and the list of warnings that answers it."""
        points = moving(at, velocity, **kwargs)
        self.step += 1
        later = {
            k: getattr(points, k) + self.step * SECOND for k in ('observed_ns', 'predicted_ns')
        }
        sent = message(type(points)(**{**vars(points), **later}))
        self.out.publish(sent)
        again = [time.monotonic() + 2]

        def answer():
            if time.monotonic() > again[0]:  # the node was subscribing again, with another QoS
                again[0] += 2
                self.out.publish(sent)
            return next(
                (
                    m
                    for m in self.lists
                    if m.observed_stamp == sent.header.stamp
                    and not any(w.stale for w in m.warnings)
                ),
                None,
            )

        return self.station.wait(answer, 'the warnings', log=self.log)

    def set_zones(self, text):
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=text)
        request = SetParameters.Request(parameters=[Parameter(name='zones', value=value)])
        name = f'{self.namespace}/warning/set_parameters'
        return self.station.call(SetParameters, name, request).results[0]


@pytest.fixture(scope='module')
def zones(tmp_path_factory):
    path = tmp_path_factory.mktemp('zones') / 'zones.yaml'
    path.write_text(ZONE % 'door')
    return path


@pytest.fixture(scope='module')
def rig(station, tmp_path_factory, zones):
    with WarningRig(station, tmp_path_factory.mktemp('warning'), 'front', zones=zones) as rig:
        yield rig


def test_danger_and_one_ok_on_release(rig):
    said = rig.send((27, 50), (20, 0), ids=[7])
    (warning,) = said.warnings
    assert (warning.level, warning.zone, warning.camera) == (DangerWarning.DANGER, 'door', 'front')
    assert warning.header.frame_id == said.header.frame_id == 'lens'
    assert abs(time.time_ns() - stamp_of(warning)) < 60 * SECOND  # when it was decided
    assert warning.time_to_entry.nanosec == pytest.approx(0.65e9, rel=1e-3)
    assert list(warning.ids) == [7] and not warning.stale
    assert warning.probability == 1
    rig.station.wait(lambda: rig.danger, 'danger')
    assert rig.danger[-1] == warning
    del rig.danger[:]
    for _ in range(3):
        released = rig.send((9, 9), (0, 0)).warnings[0]
        assert released.level == DangerWarning.OK
        assert (released.time_to_entry.sec, list(released.ids)) == (-1, [])
    rig.send((27, 50), (20, 0))
    rig.station.wait(lambda: len(rig.danger) >= 2, 'danger')
    assert [w.level for w in rig.danger] == [DangerWarning.OK, DangerWarning.DANGER]


def test_zones_are_changed_as_a_whole_or_not_at_all(rig):
    rig.send((50, 50), (0, 0))
    bad = rig.set_zones(ZONE % 'gate' + '  - {name: worse, polygon: [[0, 0]]}\n')
    assert not bad.successful and 'zone 2 (worse): polygon' in bad.reason
    assert [w.zone for w in rig.send((50, 50), (0, 0)).warnings] == ['door']
    assert not rig.set_zones('/no/such/zones.yaml').successful
    del rig.danger[:]
    assert rig.set_zones(ZONE % 'gate').successful
    rig.station.wait(lambda: rig.danger, 'the release of the old zone')
    assert (rig.danger[0].zone, rig.danger[0].level) == ('door', DangerWarning.OK)
    (now,) = rig.send((50, 50), (0, 0)).warnings
    assert (now.zone, now.level) == ('gate', DangerWarning.DANGER)
    assert rig.set_zones(ZONE % 'door').successful


def test_a_message_that_contradicts_itself_is_passed_over(rig):
    ragged = message(moving([(1, 1), (2, 2)], [(0, 0)] * 2))
    ragged.predicted[3].keypoints = ragged.predicted[3].keypoints[:1]
    rig.out.publish(ragged)
    rig.out.publish(PredictedKeypoints())
    rig.station.wait(lambda: 'different numbers' in rig.log(), 'the complaint', log=rig.log)
    assert rig.send((50, 50), (0, 0)).warnings[0].level == DangerWarning.DANGER


def test_what_is_nowhere_is_not_judged():
    points = message(moving([(50, 50), (51, 50)], [(0, 0)] * 2))
    points.predicted[0].keypoints[1].x = float('nan')
    assert message_to_points(points).active.tolist() == [True, False]


def test_pictures_for_rviz(rig):
    markers = rig.hear(MarkerArray, 'danger/markers')
    lines = rig.hear(ImageMarker, 'danger/annotations')
    end = time.monotonic() + 60
    while not (markers and len(lines) > 1):
        assert time.monotonic() < end, rig.log()
        rig.send((27, 50), (20, 0))
    assert markers[-1].markers[0].action == Marker.DELETEALL
    outline, text, path = markers[-1].markers[1:]
    assert outline.header.frame_id == 'lens' and len(outline.points) == 5
    assert (outline.points[0].x, outline.points[0].y) == pytest.approx((-0.095, -0.095))
    assert text.text == 'door: DANGER in 0.7 s (100 %)' or text.text.startswith(
        'door: DANGER in 0.6'
    )
    assert len(path.points) == 11 and outline.color.r > outline.color.g
    assert {(len(m.points), m.points[0].x) for m in lines[:2]} == {(5, 40.0), (11, 27.0)}
    rig.station.forget(markers, lines)


def test_stale_input_is_said_and_is_not_ok(station, tmp_path):
    text = (ZONE % 'door').replace('hold: 60', 'hold: 0.2')
    (tmp_path / 'z.yaml').write_text(text)
    with WarningRig(station, tmp_path, 'back', zones=tmp_path / 'z.yaml', camera='rear') as rig:
        stale = station.wait(lambda: [w for w in rig.danger if w.stale], 'staleness')[0]
        assert (stale.level, stale.camera) == (DangerWarning.CAUTION, 'rear')
        assert stale.observed_stamp.sec == 0  # none has come yet
        heard = station.hear(DiagnosticArray, '/diagnostics')

        def status():
            return [
                s
                for m in heard
                for s in m.status
                if s.name == '/back/warning: warnings' and 'no prediction' in s.message
            ]

        found = station.wait(status, 'diagnostics')[0]
        assert found.level == DiagnosticStatus.WARN and found.hardware_id == 'rear'
        rig.send((50, 50), (0, 0))
        del rig.danger[:]
        stale = station.wait(lambda: [w for w in rig.danger if w.stale], 'staleness')[0]
        assert stale.level == DangerWarning.DANGER and stale.observed_stamp.sec > 0
        station.forget(heard)


def test_bad_zones_end_it_with_one_line(tmp_path):
    (tmp_path / 'bad.yaml').write_text('zones: [{name: a}]')
    ended = run_to_end('warning', {'__ns': '/bad'}, zones=tmp_path / 'bad.yaml')
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1 and 'zone 1 (a): polygon' in ended.stderr


def test_the_example_of_a_consumer(station):
    out = station.publisher(DangerWarning, '/example/danger')
    stops = station.hear(Bool, '/example/stop')
    lines = (DOCS / 'stop_on_danger.py').read_text().splitlines()
    assert len(lines) <= 60
    process = subprocess.Popen(
        [sys.executable, DOCS / 'stop_on_danger.py', '--ros-args', '-r', '__ns:=/example'],
        stdin=subprocess.DEVNULL,
    )
    try:

        def stops_after(expected, **fields):
            out.publish(DangerWarning(camera='c', zone='z', **fields))
            del stops[:]
            station.wait(lambda: stops and stops[-1].data == expected, f'stop {expected}')

        station.wait(lambda: stops and out.get_subscription_count(), 'the example')
        assert stops[-1].data is False
        stops_after(True, level=DangerWarning.DANGER)
        stops_after(False, level=DangerWarning.OK)
        stops_after(True, level=DangerWarning.CAUTION, stale=True)
        stops_after(False, level=DangerWarning.CAUTION)
    finally:
        process.terminate()
        process.wait(60)
