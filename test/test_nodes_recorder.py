"""The recorder: what is heard over real DDS is in the bag, and the bag explains itself."""

import time

import numpy as np
import pytest
from ros_rig import SECOND, Process, ros_or_skip, run_to_end
from rosbags.highlevel import AnyReader
from small_models import WINDOW, moving_square, small_model

ros_or_skip()

from sensor_msgs.msg import Image  # noqa: E402

from tkn_ros.msg import PredictedKeypoints  # noqa: E402
from tkn_ros.nodes.conversions import prediction_to_message, rgb_to_image  # noqa: E402
from tkn_ros.streaming.window import SlidingWindow  # noqa: E402
from tkn_ros.video.open import open_source  # noqa: E402

COUNT = 8
PERIOD = SECOND // 10
START = 1_700_000_000 * SECOND


def prediction():
    window = SlidingWindow(small_model())
    for i, frame in enumerate(moving_square(WINDOW)):
        window.push(START + i * PERIOD, frame)
    return prediction_to_message(window.predict(3), 'lens', 1_000_000, 'some.safetensors')


def stamps_of(messages):
    return [m.header.stamp.sec * SECOND + m.header.stamp.nanosec for m in messages]


@pytest.mark.parametrize('name', ['p.mcap', 'folder'])
def test_what_is_heard_is_in_the_bag(station, tmp_path, name):
    namespace = f'recorded_{name.replace(".", "_")}'
    topics = {
        f'/{namespace}/image': Image,
        f'/{namespace}/predicted_keypoints': PredictedKeypoints,
        f'/{namespace}/predicted_frames': Image,
    }
    publishers = {topic: station.publisher(kind, topic) for topic, kind in topics.items()}
    message, frames = prediction(), moving_square(40, 48, 64)
    bag = tmp_path / 'new' / name
    began = time.time_ns()
    with Process('recorder', tmp_path, {'__ns': f'/{namespace}'}, bag=bag) as node:
        station.wait(
            lambda: all(p.get_subscription_count() for p in publishers.values()),
            'the recorder',
            log=node.log,
        )
        station.spin(2.0)  # the recorder finds the publishers, too
        for i in range(2 * COUNT):  # what comes just before the end may miss it
            image = rgb_to_image(frames[i], START + i * PERIOD, 'lens')
            for topic, kind in topics.items():
                publishers[topic].publish(image if kind is Image else message)
            station.spin(0.1)
        assert not bag.exists()  # half-written, it has another name
    for publisher in publishers.values():
        station.node.destroy_publisher(publisher)
    assert [p.name for p in bag.parent.iterdir()] == [name]
    with AnyReader([bag]) as reader:
        assert {c.topic: c.msgtype for c in reader.connections} == {
            t: f'{k.__module__.split(".")[0]}/msg/{k.__name__}' for t, k in topics.items()
        }
        heard = {topic: [] for topic in topics}
        for connection, logged, raw in reader.messages():
            heard[connection.topic].append(reader.deserialize(raw, connection.msgtype))
            assert began <= logged <= time.time_ns()  # when it was published
    for topic, kind in topics.items():
        assert COUNT <= len(heard[topic]) <= 2 * COUNT
        if kind is Image:
            assert stamps_of(heard[topic]) == [START + i * PERIOD for i in range(len(heard[topic]))]
            assert np.array_equal(heard[topic][3].data.reshape(48, 64, 3), frames[3])
    read = heard[f'/{namespace}/predicted_keypoints'][0]
    assert read.weights == 'some.safetensors'
    assert read.header.frame_id == 'lens' and read.image_height == message.image_height
    for ours, theirs in zip(
        (*message.observed, *message.predicted), (*read.observed, *read.predicted)
    ):
        assert len(ours.keypoints) == len(theirs.keypoints) > 0
        for one, other in zip(ours.keypoints, theirs.keypoints):
            assert (one.x, one.y, one.intensity, one.sigma) == pytest.approx(
                (other.x, other.y, other.intensity, other.sigma), rel=1e-6
            )  # float32 on the wire
            assert (one.id, one.active) == (other.id, other.active)
    with open_source(bag, f'/{namespace}/image') as source:  # and our own reader takes it
        assert source.count() == len(heard[f'/{namespace}/image'])


def test_a_folder_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / 'bag').mkdir()
    (tmp_path / 'bag' / 'kept').write_text('yes')
    ended = run_to_end('recorder', {'__ns': '/refused'}, bag=tmp_path / 'bag')
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert 'exists already' in ended.stderr
    assert [p.name for p in tmp_path.iterdir()] == ['bag']
    assert (tmp_path / 'bag' / 'kept').read_text() == 'yes'
