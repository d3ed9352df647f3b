"""What a backend's rounding costs: its pictures against the truth, beside the reference's."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from tkn_ros.model.build import Network
from tkn_ros.model.following import FollowingTKN
from tkn_ros.streaming.backends.base import Backend
from tkn_ros.streaming.following_window import FollowingWindow
from tkn_ros.streaming.make_window import make_window
from tkn_ros.video.metrics import clip_psnr

MAX_LOSS = 0.05  # [dB] that a backend may lose and still be chosen by `auto` ..
MAX_KEYPOINT_LOSS = 0.02  # .. and share by which the error of its keypoints may be larger
CAMERA = (240, 320)  # pixels
PERIOD_NS = 66_666_667


def synthetic_clips(model: Network, window: int, horizon: int) -> list[np.ndarray]:
    """Moving scenes to judge on where there are no real ones.

    (window + horizon, H, W, 3) uint8 each, the same at every call: a street seen by a camera that
    stands still, and one that does not. Of the network's size, or of a camera's where keypoints
    are followed.

    Args:
        model: the network.
        window: n, frames observed.
        horizon: m, frames to predict.
    """
    from tkn_ros.synthetic.render import render_clip  # only where there is something to try

    height, width = CAMERA if model.config.following else (model.config.height, model.config.width)
    return [
        np.stack(
            list(render_clip(1, window + horizon, max(16, height), max(16, width), 15.0, kind))
        )[:, :height, :width]
        for kind in ('demo', 'random')
    ]


def future_of(model: Network, clip: np.ndarray, window: int) -> np.ndarray:
    """What truly came after the window, (m, H, W, 3) uint8 of the size that the network draws at.

    Args:
        model: the network.
        clip: (n + m, H', W', 3) uint8.
        window: n, frames observed.
    """
    height, width = model.config.height, model.config.width
    return np.stack(
        [cv2.resize(f, (width, height), interpolation=cv2.INTER_AREA) for f in clip[window:]]
    )


def predict_clip(model: Network, backend: Backend, clip: np.ndarray, window: int) -> np.ndarray:
    """(n + m, H, W, 3) uint8 -> the m frames predicted from the first n, one encoded at a time.

    Args:
        model: the network.
        backend: what runs it.
        clip: (n + m, H, W, 3) uint8.
        window: n, frames observed.
    """
    stream = make_window(model, window, PERIOD_NS, backend)
    for i, frame in enumerate(clip[:window]):
        stream.push(i * PERIOD_NS, np.ascontiguousarray(frame))
    prediction = stream.predict(len(clip) - window)
    if prediction is None:
        raise ValueError(f'{window} frames did not fill a window of {stream.window}')
    return stream.render(prediction)


def keypoint_loss(
    model: Network, backend: Backend, clips: Sequence[np.ndarray], window: int
) -> float:
    """By how much a backend's rounding raises the error of predicted keypoints, as a share.

    The reference follows points through each clip; the backend predicts them from the same tracks.
    0 for networks whose keypoints are not followed.

    Args:
        model: the network.
        backend: what runs it.
        clips: (n + m, H, W, 3) uint8 each.
        window: n, frames observed.
    """
    if not isinstance(model, FollowingTKN):
        return 0.0
    mine, reference = 0.0, 0.0
    for clip in clips:
        stream = FollowingWindow(model, window, PERIOD_NS)
        for i, frame in enumerate(clip):
            stream.push(i * PERIOD_NS, np.ascontiguousarray(frame))
            if i == window - 1:
                follower = stream.follower
                tracks, known = follower.tracks[-window:].copy(), follower.known[-window:].copy()
                active, ids = follower.active.copy(), follower.ids.copy()
        follower, m = stream.follower, min(len(clip) - window, window)
        whole = active & (ids == follower.ids) & follower.known[-(len(clip) - window) :].all(0)
        if not whole.any():
            continue
        start = len(follower.tracks) - (len(clip) - window)
        truth = follower.tracks[start : start + m][:, whole]
        inputs = [torch.from_numpy(x.astype(np.float32))[None] for x in (tracks, known, active)]
        for runner in (stream.backend, backend):
            mean = runner.run('tracks', *inputs)[0][0, :m, torch.from_numpy(whole)].cpu().numpy()
            error = float(np.linalg.norm(mean - truth, axis=-1).mean())
            if runner is backend:
                mine += error
            else:
                reference += error
    return mine / max(reference, 1e-6) - 1


def quality_loss(
    drawn: Sequence[np.ndarray], reference: Sequence[np.ndarray], truth: Sequence[np.ndarray]
) -> float:
    """What a backend's pictures lose against the reference's [dB], mean over clips.

    Of each clip the worse of two: the loss on this very clip, and that which the backend's rounding
    would cost where it has nothing to do with the reference's own error. By chance the two may
    cancel, which they will not on the next clip.

    Args:
        drawn: frames of each clip, by the backend.
        reference: the same, by the reference.
        truth: the true frames of each clip.
    """
    losses = []
    for mine, right, true in zip(drawn, reference, truth):
        rounding, error = (float(np.mean((a / 255.0 - right / 255.0) ** 2)) for a in (mine, true))
        expected = 10 * np.log10(1 + rounding / max(error, 1e-6))
        losses.append(max(clip_psnr(right, true) - clip_psnr(mine, true), expected))
    return float(np.mean(losses))
