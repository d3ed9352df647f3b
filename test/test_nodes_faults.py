"""Faults of cameras, networks and consumers, over DDS: the node lives, recovers and has counted.

How long each recovery took is noted with the result (`pytest --junitxml`), and not asserted: a
busy machine is no fault of the node's.
"""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from fault_help import FRAMES, HERTZ, PERIOD, recover, stream
from lifecycle_rig import change
from ros_rig import SECOND, PredictorRig, Process, ros_or_skip
from small_models import WINDOW, small_model

ros_or_skip()

from sensor_msgs.msg import Image  # noqa: E402

from tkn_ros.model.checkpoints import save_checkpoint  # noqa: E402
from tkn_ros.msg import PredictedKeypoints  # noqa: E402
from tkn_ros.nodes.conversions import rgb_to_image  # noqa: E402


@pytest.fixture(scope='module')
def rig(station, tmp_path_factory, tiny_weights):
    folder = tmp_path_factory.mktemp('faults')
    weights = shutil.copy(tiny_weights, folder / 'own.safetensors')
    with PredictorRig(station, folder, 'faults', weights=weights, backend='eager') as rig:
        rig.keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
        station.wait(rig.keypoints.subscription.get_publisher_count, 'the predictor')
        yield rig
        station.forget(rig.keypoints)


CAMERA = """
import sys, time
import numpy as np
import rclpy
from tkn_ros.nodes.conversions import rgb_to_image
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('doomed')
out = node.create_publisher(Image, sys.argv[1], 10)
while not out.get_subscription_count():
    time.sleep(0.01)
print('ready', flush=True)
while True:
    out.publish(rgb_to_image(np.zeros((48, 64, 3), np.uint8), time.time_ns(), 'lens'))
    time.sleep(0.05)
"""


def test_a_camera_that_is_killed(rig, record_property):
    before = rig.counters()['received']
    camera = subprocess.Popen(
        [sys.executable, '-c', CAMERA, rig.topic], cwd='/', stdout=subprocess.PIPE, text=True
    )
    try:
        assert camera.stdout.readline() == 'ready\n'
        rig.counted(received=before + 5)
    finally:
        camera.send_signal(signal.SIGKILL)
        camera.wait()
    recover(rig, record_property)


def test_images_of_one_brightness_noise_and_nan(rig, record_property):
    shape, rng = (48, 64, 3), np.random.default_rng(0)
    plain = [np.full(shape, value, np.uint8) for value in (0, 255, 128) for _ in range(WINDOW + 2)]
    noise = list(rng.integers(0, 256, (WINDOW + 2, *shape), np.uint8))
    nothing = np.full((48, 64), np.nan, np.float32).tobytes()
    depth = [
        Image(height=48, width=64, step=256, encoding='32FC1', data=nothing)
        for _ in range(WINDOW + 2)
    ]
    stream(rig, [*plain, *noise, *depth])
    last = rig.keypoints[-1]
    values = [v for f in last.predicted for k in f.keypoints for v in (k.x, k.y, k.sigma)]
    assert np.isfinite(values).all()
    recover(rig, record_property)


def test_encoding_and_frame_id_change_under_way(rig, record_property):
    start = rig.next_era()
    for i in range(4 * WINDOW):
        if i % 2:
            message = Image(
                height=48, width=64, step=64, encoding='mono8', data=FRAMES[i][..., 0].tobytes()
            )
            rig.camera.send(start + i * PERIOD, message)
        else:
            rig.camera.publisher.publish(rgb_to_image(FRAMES[i], start + i * PERIOD, f'lens{i}'))
        rig.station.spin(1 / HERTZ)
    recover(rig, record_property)


def test_the_rate_changes_under_way(rig, record_property):
    stamps = [i * PERIOD for i in range(10)]
    stamps += [stamps[-1] + (i + 1) * 2 * PERIOD for i in range(20)]
    stream(rig, FRAMES[:30], stamps=stamps)
    recover(rig, record_property)


@pytest.mark.parametrize('share', [0.1, 0.3])
def test_images_are_lost(rig, record_property, share):
    kept = np.random.default_rng(1).random(60) >= share
    stamps = [int(i) * PERIOD for i in np.flatnonzero(kept)]
    before = rig.counters()
    stream(rig, [FRAMES[i % 40] for i in range(len(stamps))], stamps=stamps)
    if share == 0.1:
        assert rig.counters()['predictions'] > before['predictions']
    recover(rig, record_property)


def test_bursts(rig, record_property):
    start = rig.next_era()
    for burst in range(6):
        for i in range(10):
            number = burst * 10 + i
            rig.camera.send(start + number * PERIOD, FRAMES[number % 40])
        rig.station.spin(0.5)
    recover(rig, record_property)


def test_a_flood_of_200_images_a_second(rig, record_property):
    sent = stream(rig, [FRAMES[i % 40] for i in range(600)], pause=0.005)
    assert sent == 600
    recover(rig, record_property)


def test_pictures_of_eight_megapixels_and_ones_beyond_the_bound(rig, record_property):
    large = np.zeros((2160, 3840, 3), np.uint8)
    stream(rig, [large] * 3, pause=0.3)
    before = rig.counters()['bad']
    claim = Image(height=60000, width=60000, step=60000, encoding='mono8', data=bytes(100))
    stream(rig, [claim] * 3)
    rig.counted(bad=before + 3)
    assert 'more than the' in rig.log()
    recover(rig, record_property)


@pytest.mark.parametrize('kind', ['equal', 'backward', 'zero', 'far future'])
def test_stamps_that_cannot_be(rig, record_property, kind):
    count = 3 * WINDOW
    stamps = {
        'equal': [0] * count,
        'backward': [-i * PERIOD for i in range(count)],
        'zero': [-rig.era - 10_000 * SECOND] * count,
        'far future': [i * 100_000 * SECOND for i in range(count)],
    }[kind]
    era = rig.era
    stream(rig, FRAMES[:count], stamps=stamps)
    rig.era = max(era, rig.era) + 2_000_000 * SECOND  # beyond all that was sent
    recover(rig, record_property)


LISTENER = """
import sys, time
import rclpy
from rclpy.qos import QoSProfile
from tkn_ros.msg import PredictedKeypoints
rclpy.init()
node = rclpy.create_node('sleeper')
node.create_subscription(PredictedKeypoints, sys.argv[1], lambda m: None, QoSProfile(depth=1))
print('ready', flush=True)
rclpy.spin(node)
"""


def test_a_subscriber_that_hangs(rig, record_property):
    """A reliable one, which acknowledges nothing."""
    topic = f'/{rig.namespace}/predicted_keypoints'
    listener = subprocess.Popen(
        [sys.executable, '-c', LISTENER, topic], cwd='/', stdout=subprocess.PIPE, text=True
    )
    try:
        assert listener.stdout.readline() == 'ready\n'
        rig.station.wait(
            lambda: rig.station.node.count_subscribers(topic) == 2, 'the second subscriber'
        )
        os.kill(listener.pid, signal.SIGSTOP)
        heard = len(rig.keypoints)
        stream(rig, [FRAMES[i % 40] for i in range(60)])
        assert len(rig.keypoints) > heard + 10
    finally:
        listener.kill()
        listener.wait()
    recover(rig, record_property)


def test_a_recorder_whose_disk_is_full(rig, station, tmp_path):
    """It ends with one line, and what it was writing is gone; the predictor goes on."""
    import resource

    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = 300_000  # bytes of a file, that a child inherits
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, usual[1]))
    try:
        node = Process(
            'recorder', tmp_path, {'__ns': f'/{rig.namespace}'}, bag=tmp_path / 'full.mcap'
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    try:
        station.wait(lambda: station.node.count_subscribers(rig.topic) == 2, 'the recorder')
        rng = np.random.default_rng(0)
        start = rig.next_era()
        for i in range(400):
            if not node.alive():
                break
            rig.camera.send(start + i * PERIOD, rng.integers(0, 256, (120, 160, 3), np.uint8))
            station.spin(0.02)
        if node.alive():
            node.stop()
        assert 'Traceback' not in node.log(), node.log()
        own = [line for line in node.log().splitlines() if line.startswith('recorder:')]
        assert node.process.returncode == 1 and 0 < len(own) <= 3, node.log()
    finally:
        if node.alive():
            node.process.kill()
            node.process.wait()
    assert rig.alive()


def test_weights_that_are_replaced_or_removed(rig, tiny_weights, record_property):
    """The node goes on with what it has loaded; the next configure reads the file."""

    def configured() -> bool:
        return change(rig, 'deactivate') and change(rig, 'cleanup') and change(rig, 'configure')

    rig.weights.write_bytes(b'')  # in place: what is mapped of a file that shrinks is gone
    recover(rig, record_property)
    save_checkpoint(rig.weights, small_model(window=WINDOW + 2))
    recover(rig, record_property)
    assert configured() and change(rig, 'activate')
    assert f'{WINDOW + 2} frames in' in rig.log()
    recover(rig, record_property)
    rig.weights.unlink()
    recover(rig, record_property)
    assert not configured()
    status = rig.status()
    assert status.level == b'\2' and f'"{rig.weights}" do not exist' in status.message
    shutil.copy(tiny_weights, rig.weights)
    assert change(rig, 'configure') and change(rig, 'activate')
    recover(rig, record_property)
