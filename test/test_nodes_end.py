"""The predictor node ends cleanly at every signal that asks for it."""

import re
import signal
from pathlib import Path

import pytest
from ros_rig import PredictorRig, ros_or_skip

ros_or_skip()

from tkn_ros.msg import PredictedKeypoints  # noqa: E402


def shared_memory(process: int | str) -> set[Path]:
    """Segments of Fast DDS, 16 MB each, that a process has mapped: its own and others'."""
    maps = Path(f'/proc/{process}/maps').read_text()
    return {Path(p) for p in re.findall(r'/dev/shm/fastrtps_[0-9a-f]{16}', maps)}


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(station, tmp_path, tiny_weights, how):
    others = set(Path('/dev/shm').glob('fastrtps_*'))
    with PredictorRig(station, tmp_path, f'ending{how.value}', weights=tiny_weights) as rig:
        keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
        rig.prime(keypoints)
        station.forget(keypoints)
        own = shared_memory(rig.process.pid) - others
        assert rig.stop(how) == 0, rig.log()
        assert own and not [p for p in own if p.exists()]
        assert 'Traceback' not in rig.log()
