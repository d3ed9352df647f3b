"""The sliding window that a network needs."""

from tkn_ros.baselines.frames import Baseline
from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.model.following import FollowingTKN
from tkn_ros.streaming.backends.base import Backend
from tkn_ros.streaming.following_window import FollowingWindow
from tkn_ros.streaming.frames_window import FramesWindow
from tkn_ros.streaming.window import SlidingWindow


def make_window(
    model: AnyNetwork, window: int = 0, period_ns: int = 0, backend: Backend | None = None
) -> SlidingWindow:
    """A `FollowingWindow` where keypoints are followed, a `FramesWindow` where there are none,
    otherwise a `SlidingWindow`.

    Args:
        model: in evaluation mode.
        window: n, frames observed; 0 takes the model's own.
        period_ns: time between two samples of the window [ns]; 0 follows the camera.
        backend: what runs the network, see `select.make_backend`; None for eager PyTorch.
    """
    if isinstance(model, FollowingTKN):
        return FollowingWindow(model, window, period_ns, backend)
    if isinstance(model, Baseline):
        return FramesWindow(model, window, period_ns, backend)
    return SlidingWindow(model, window, period_ns, backend)
