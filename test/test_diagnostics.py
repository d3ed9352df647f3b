"""The predictor's status: the same keys and names by diagnostic_updater and without it."""

import pytest
from ros_rig import PredictorRig, ros_or_skip
from small_models import moving_square

ros_or_skip()

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402

import tkn_ros.nodes.diagnostics as diagnostics  # noqa: E402
from tkn_ros.msg import PredictedKeypoints  # noqa: E402
from tkn_ros.nodes.diagnostics import DiagnosticsPublisher, to_status  # noqa: E402
from tkn_ros.streaming.health import WARN, Report  # noqa: E402

COUNTED = (
    'received',
    'encoded',
    'predictions',
    'frames_decoded',
    'dropped',
    'not_finite',
    'undrawn',
    'late',
    'bad',
    'resets',
)
KEYS = {
    *COUNTED,
    *(f'recent_{name}' for name in COUNTED),
    'latency_ms',
    'latency_p50_ms',
    'latency_p99_ms',
    'busy_ms',
    'frame_period_s',
    'stamp_age_s',
    'device',
    'backend',
    'state',
    'predicts',
}


def test_the_keys_of_an_active_predictor(station, tmp_path, tiny_weights):
    """What dashboards read by name."""
    with PredictorRig(station, tmp_path, 'keys', weights=tiny_weights, backend='eager') as rig:
        heard = rig.hear(PredictedKeypoints, 'predicted_keypoints')
        rig.prime(heard, frame=moving_square(1, 48, 64)[0])
        status = rig.status()
        assert status.name == '/keys/predictor: prediction'
        assert status.hardware_id == '/keys/image'
        values = {v.key: v.value for v in status.values}
        assert values.keys() == KEYS and len(status.values) == len(KEYS)
        assert values['state'] == 'active' and values['backend'] == 'eager float32'
        assert float(values['frame_period_s']) == pytest.approx(0.1)
        station.forget(heard)


def published(station, namespace):
    """Statuses of two cameras as a node of this name publishes them, twice."""
    import rclpy

    heard = station.hear(DiagnosticArray, '/diagnostics')
    node = rclpy.create_node('watched', namespace=namespace)
    reports = [
        to_status('prediction left', '/left', Report(WARN, 'late', {'dropped': 3, 'bad': 0})),
        to_status('prediction right', '/right', Report()),
    ]
    station.executor.add_node(node)
    try:
        publisher = DiagnosticsPublisher(node, lambda: [to_copy(r) for r in reports])
        wanted = f'{namespace}/watched: prediction'

        def ours():
            return [m for m in heard if m.status and m.status[0].name.startswith(wanted)]

        station.wait(lambda: len(ours()) > 1, 'two messages')
        publisher.publish()
        return ours()[-1]
    finally:
        station.executor.remove_node(node)
        node.destroy_node()
        station.forget(heard)


def to_copy(status):
    """A new message: a sender may change names."""
    from copy import deepcopy

    return deepcopy(status)


def as_plain(message):
    return [
        (s.name, s.level, s.message, s.hardware_id, [(v.key, v.value) for v in s.values])
        for s in message.status
    ]


EXPECTED = [
    ('/a/watched: prediction left', b'\1', 'late', '/left', [('dropped', '3'), ('bad', '0')]),
    ('/a/watched: prediction right', b'\0', '', '/right', []),
]


def test_without_diagnostic_updater(station, monkeypatch):
    monkeypatch.setattr(diagnostics, 'Updater', None)
    assert as_plain(published(station, '/a')) == EXPECTED


def test_with_diagnostic_updater(station):
    """It is in ROS distributions, and in no package index."""
    pytest.importorskip('diagnostic_updater')
    assert as_plain(published(station, '/a')) == EXPECTED
