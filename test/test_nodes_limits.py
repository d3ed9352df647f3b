"""The bound of an image's pixels, as a parameter of the predictor."""

import numpy as np
from fault_help import recover, stream
from lifecycle_rig import set_values
from ros_rig import PredictorRig, ros_or_skip

ros_or_skip()

from tkn_ros.msg import PredictedKeypoints  # noqa: E402


def test_an_image_beyond_the_bound_is_refused(
    station, tmp_path, tiny_weights, record_property, monkeypatch
):
    limit = 48 * 64
    monkeypatch.setenv('TKN_MAX_PIXELS', '100')  # not what counts here
    with PredictorRig(
        station, tmp_path, 'bound', weights=tiny_weights, backend='eager', max_pixels=limit
    ) as rig:
        rig.keypoints = rig.hear(PredictedKeypoints, 'predicted_keypoints')
        recover(rig, record_property)  # by images of 64x48
        stream(rig, [np.zeros((49, 64, 3), np.uint8)] * 3)
        assert rig.counted(bad=3)['bad'] == 3
        assert f'picture is 64x49 pixels, more than the {limit} allowed' in rig.log()
        assert 'max_pixels' in rig.log()
        (result,) = set_values(rig, max_pixels=10**6)
        assert not result.successful and 'read-only while' in result.reason
        recover(rig, record_property)
        station.forget(rig.keypoints)
