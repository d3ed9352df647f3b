"""Hyper-parameters of networks with followed keypoints, see `following.py`."""

from dataclasses import dataclass, field

from tkn_ros.model.motion_detector import MotionDetectorConfig
from tkn_ros.model.ranges import check_whole
from tkn_ros.model.track_predictor import TrackPredictorConfig

MAX_KEYPOINTS = 256


@dataclass(frozen=True)
class FollowingConfig:
    """Hyper-parameters of the three networks.

    Attributes:
        keypoints: K, how many points are followed at most.
        detector: of motion.
        predictor: of tracks.
    """

    keypoints: int = 32
    detector: MotionDetectorConfig = field(default_factory=MotionDetectorConfig)
    predictor: TrackPredictorConfig = field(default_factory=TrackPredictorConfig)

    def __post_init__(self) -> None:
        check_whole('keypoints', self.keypoints, 1, MAX_KEYPOINTS)
