"""The predictor with weights of a network without keypoints: frames alone, and it says so."""

import numpy as np
import pytest
from ros_rig import SECOND, PredictorRig, ros_or_skip, stamp_of
from small_models import moving_square
from small_peers import WINDOW, small

ros_or_skip()

from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Float32  # noqa: E402

from tkn_ros.baselines.checkpoints import save_network  # noqa: E402
from tkn_ros.msg import PredictedFrameInfo  # noqa: E402
from tkn_ros.nodes.conversions import image_to_rgb  # noqa: E402
from tkn_ros.streaming.make_window import make_window  # noqa: E402

PERIOD = SECOND // 10
CLIP = moving_square(20, 48, 64)


@pytest.fixture(scope='module')
def rig(station, tmp_path_factory):
    folder = tmp_path_factory.mktemp('peer')
    save_network(folder / 'peer.safetensors', small('convlstm'))
    weights = folder / 'peer.safetensors'
    with PredictorRig(station, folder, 'peer', weights=weights, horizon=4) as rig:
        yield rig


def test_frames_are_those_of_the_network(rig):
    frames, info = (
        rig.hear(Image, 'predicted_frames'),
        rig.hear(PredictedFrameInfo, 'predicted_frames_info'),
    )
    latency = rig.hear(Float32, 'debug/latency_ms')
    rig.prime(frames, info, latency, period=PERIOD, frame=CLIP[0])
    start = rig.next_era()
    for i in range(WINDOW + 1):
        rig.camera.send(start + i * PERIOD, CLIP[i])
        rig.station.spin(0.1)
    last = start + (WINDOW + 4) * PERIOD
    rig.station.wait(lambda: stamp_of(frames[-1]) == last, 'the last frame', log=rig.log)
    window = make_window(small('convlstm').eval(), 0, PERIOD)
    for i in range(WINDOW + 1):
        window.push(i * PERIOD, CLIP[i])
    expected = window.render(window.predict(4))
    drawn = np.stack([image_to_rgb(message) for message in frames[-4:]])
    assert np.abs(drawn.astype(int) - expected).max() <= 1
    assert [message.step for message in info[-4:]] == [1, 2, 3, 4]
    rig.station.forget(frames, info, latency)


def test_there_are_no_topics_of_keypoints_and_diagnostics_say_so(rig):
    published = {
        topic
        for topic, _ in rig.station.node.get_topic_names_and_types()
        if topic.startswith('/peer/') and rig.station.node.get_publishers_info_by_topic(topic)
    }
    assert '/peer/predicted_frames' in published
    assert not published & {'/peer/predicted_keypoints', '/peer/markers', '/peer/annotations'}
    values = {v.key: v.value for v in rig.status().values}
    assert values['predicts'] == 'frames only'
    assert 'this network has no keypoints: frames alone are published' in rig.log()


def test_the_picture_for_people_shows_frames(rig):
    montages = rig.hear(Image, 'debug/montage')
    rig.prime(montages, period=PERIOD, frame=CLIP[0])
    assert montages[-1].height > 48
    rig.station.forget(montages)
