"""The predictor as a managed node, through the real services."""

from pathlib import Path

import pytest
from lifecycle_rig import change, set_values, state
from ros_rig import SECOND, PredictorRig, Process, ros_or_skip
from small_models import WINDOW, moving_square

ros_or_skip()

from std_srvs.srv import SetBool, Trigger  # noqa: E402

PERIOD = SECOND // 10
CLIP = moving_square(3 * WINDOW, 48, 64)


@pytest.fixture(scope='module')
def rig(station, tmp_path_factory, tiny_weights):
    folder = tmp_path_factory.mktemp('managed')
    with PredictorRig(station, folder, 'managed', weights=tiny_weights, backend='eager') as rig:
        yield rig


def resident(rig) -> int:
    """Memory of the process [MiB]."""
    pages = Path(f'/proc/{rig.process.pid}/statm').read_text().split()[1]
    return int(pages) * 4096 // 2**20


def test_it_is_active_at_the_start_and_predicts(rig, keypoints):
    assert state(rig) == 'active'
    rig.prime(keypoints)


def test_twenty_full_cycles_without_growth(rig, keypoints):
    rig.prime(keypoints)
    sizes = []
    for _ in range(20):
        for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
            assert change(rig, transition), f'{transition}\n{rig.log()}'
        rig.station.wait(rig.camera.matched, 'the predictor to subscribe again', log=rig.log)
        rig.prime(keypoints)
        sizes.append(resident(rig))
    assert sizes[-1] - sizes[4] < 16, sizes  # MiB: a tenth of what a leak of the network would be


def test_an_inactive_node_does_nothing(rig, keypoints):
    rig.prime(keypoints)
    assert change(rig, 'deactivate')
    rig.station.wait(lambda: not rig.camera.publisher.get_subscription_count(), 'unsubscribing')
    heard = len(keypoints)
    start = rig.next_era()
    for i, frame in enumerate(CLIP):
        rig.camera.send(start + i * PERIOD, frame)
        rig.station.spin(0.02)
    assert len(keypoints) == heard
    assert rig.status().message == 'inactive'
    assert change(rig, 'activate')
    rig.station.wait(rig.camera.matched, 'the predictor to subscribe again')
    rig.prime(keypoints)


def test_enable_and_reset(rig, keypoints):
    rig.prime(keypoints)

    def enable(on):
        name = f'/{rig.namespace}/predictor/enable'
        return rig.station.call(SetBool, name, SetBool.Request(data=on))

    def reset():
        name = f'/{rig.namespace}/predictor/reset'
        return rig.station.call(Trigger, name, Trigger.Request())

    assert enable(False).success and state(rig) == 'inactive'
    assert not reset().success
    assert enable(False).success and enable(True).success and state(rig) == 'active'
    rig.station.wait(rig.camera.matched, 'the predictor to subscribe again')
    sent = rig.prime(keypoints)
    assert reset().success
    before, heard = rig.counters(), len(keypoints)
    start = rig.era + sent * PERIOD  # nothing but the reset can have emptied the window
    for i in range(WINDOW - 1):
        rig.camera.send(start + i * PERIOD, CLIP[i])
        rig.station.spin(0.05)
    rig.counted(encoded=before['encoded'] + WINDOW - 1)
    assert len(keypoints) == heard
    rig.camera.send(start + (WINDOW - 1) * PERIOD, CLIP[0])
    rig.station.wait(lambda: len(keypoints) > heard, 'a prediction from a new window')


def test_weights_and_device_are_changed_through_cleanup(rig, keypoints):
    (result,) = set_values(rig, weights='no/such.safetensors')
    assert not result.successful and 'read-only while the node is configured' in result.reason
    weights = rig.weights
    assert change(rig, 'deactivate') and change(rig, 'cleanup')
    assert state(rig) == 'unconfigured'
    (result,) = set_values(rig, weights='no/such.safetensors')
    assert result.successful
    assert not change(rig, 'configure') and state(rig) == 'unconfigured'
    status = rig.status()
    assert status.level == b'\2' and 'no/such.safetensors' in status.message
    assert 'no/such.safetensors' in rig.log()
    assert set_values(rig, weights=str(weights))[0].successful
    assert change(rig, 'configure') and change(rig, 'activate')
    rig.station.wait(rig.camera.matched, 'the predictor to subscribe again')
    rig.prime(keypoints)


def test_without_autostart_it_waits_to_be_told(station, tmp_path, tiny_weights):
    with Process(
        'predictor', tmp_path, {'__ns': '/waiting'}, weights=tiny_weights, autostart=False
    ) as node:
        node.station, node.namespace = station, 'waiting'
        assert state(node) == 'unconfigured'
        assert change(node, 'configure') and state(node) == 'inactive'
        assert change(node, 'shutdown') and state(node) == 'finalized'
