"""Several cameras in one process: one network, outputs of their own, none waits for another."""

from pathlib import Path

import pytest
from ros_rig import SECOND, Camera, Process, ros_or_skip, stamp_of
from small_models import moving_patch

ros_or_skip()

from tkn_ros.msg import PredictedKeypoints  # noqa: E402

PERIOD = SECOND // 15
CLIP = moving_patch(30)


def test_two_cameras_and_a_dead_one(station, tmp_path):
    cameras = ['left=/two/left_image', 'right=/two/right_image', 'dead']
    with Process('predictor', tmp_path, {'__ns': '/two'}, cameras=cameras) as node:
        ins = [Camera(station, f'/two/{name}_image') for name in ('left', 'right')]
        heard = [
            station.hear(PredictedKeypoints, f'/two/{name}/predicted_keypoints')
            for name in ('left', 'right', 'dead')
        ]
        station.wait(lambda: all(c.matched() for c in ins), 'both', log=node.log)
        station.wait(lambda: all(h.subscription.get_publisher_count() for h in heard), 'outputs')
        for i, frame in enumerate(CLIP):
            ins[0].send(SECOND + i * PERIOD, frame)
            ins[1].send(7 * SECOND + i * PERIOD, frame[::-1].copy())
            station.spin(0.1)
        last = [SECOND + 29 * PERIOD, 7 * SECOND + 29 * PERIOD]
        station.wait(
            lambda: all(h and stamp_of(h[-1]) == s for h, s in zip(heard, last)), 'the last ones'
        )
        assert min(len(heard[0]), len(heard[1])) >= 15 and not heard[2]
        assert station.node.get_publishers_info_by_topic('/two/dead/predicted_frames')
        for camera in ins:
            camera.close()
        station.forget(*heard)


def resident(process) -> float:
    pages = Path(f'/proc/{process.process.pid}/statm').read_text().split()[1]
    return int(pages) * 4096 / 2**20


def test_a_second_camera_costs_little_memory(station, tmp_path):
    used = []
    for names in (['one'], ['one', 'two']):
        with Process('predictor', tmp_path, {'__ns': '/memory'}, cameras=names) as node:
            ins = [Camera(station, f'/memory/{name}/image') for name in names]
            heard = [
                station.hear(PredictedKeypoints, f'/memory/{name}/predicted_keypoints')
                for name in names
            ]
            station.wait(lambda ins=ins: all(c.matched() for c in ins), 'them', log=node.log)
            frame = CLIP[0].repeat(2, 0).repeat(2, 1)  # 480 x 640
            for i in range(60):
                for camera in ins:
                    camera.send(SECOND + i * PERIOD, frame)
                station.spin(0.1)
            station.wait(lambda heard=heard: all(heard), 'predictions', log=node.log)
            used.append(resident(node))
            for camera in ins:
                camera.close()
            station.forget(*heard)
    assert used[1] - used[0] < 60, used  # MiB


@pytest.mark.parametrize(
    ('cameras', 'said'),
    [(['a=/x', 'a=/y'], 'a name of its own'), (['9=/x'], '"name=topic"')],
)
def test_names_that_cannot_be_used(cameras, said):
    from ros_rig import run_to_end

    ended = run_to_end('predictor', {'__ns': '/bad'}, cameras=cameras)
    assert ended.returncode == 1 and said in ended.stderr, ended.stderr
