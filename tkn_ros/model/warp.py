"""From the decoder's last layer to a picture: the paper's way, and one that keeps what is still.

- "frame" (the paper, Eq 14): the three channels d_n *are* the frame. In a place unlike those of
  training the normalised features have lost its colours, and the picture collapses.
- "change": d_n holds a colour and a displacement, and what counts is how they differ between the
  target's keypoints and the source's own on the same background. The source frame is moved by the
  difference of the displacements and the difference of the colours is added. Where no keypoint
  has moved nothing changes, whatever the place; texture that was never seen in training moves as
  it is (keypoint-driven warping as in Monkey-Net and First Order Motion).

`apply_change` runs at the size of the source it is given: a larger original keeps its detail.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

OUTPUT_CHANNELS = {'frame': 3, 'change': 5}
FLOW_SCALE = 0.25  # of the grid's [-1, 1]: an output of 1 is an eighth of the frame


def apply_change(change: Tensor, source: Tensor) -> Tensor:
    """change: (B, 5, h, w) as colour and (dx, dy); source: (B, 3, H, W). Returns (B, 3, H, W).

    With the background's drift there are six channels each: the source's last three are the
    window's mean, and the change's last says how far the moved frame fades to it. Where (H, W)
    differs from (h, w) the change is resized (bilinear) to the source's size.
    """
    if change.shape[-2:] != source.shape[-2:]:
        change = F.interpolate(change, source.shape[-2:], mode='bilinear', align_corners=False)
    moved = warp(source[:, :3], change[:, 3:5] * FLOW_SCALE)
    if change.shape[1] > 5:
        moved = torch.lerp(moved, source[:, 3:], change[:, 5:])
    return moved + change[:, :3]


def warp(frames: Tensor, flow: Tensor) -> Tensor:
    """Backward warp: out(p) = frames(p + flow(p)), bilinear, edges repeated.

    frames: (B, 3, H, W); flow: (B, 2, H, W) as (dx, dy) in units where the frame spans [-1, 1].
    """
    height, width = frames.shape[-2:]
    ys = (torch.arange(height, device=flow.device, dtype=flow.dtype) * 2 + 1) / height - 1
    xs = (torch.arange(width, device=flow.device, dtype=flow.dtype) * 2 + 1) / width - 1
    base = torch.stack(torch.meshgrid(xs, ys, indexing='xy'), -1)  # (H, W, 2)
    return F.grid_sample(
        frames,
        base + flow.permute(0, 2, 3, 1),
        mode='bilinear',
        padding_mode='border',
        align_corners=False,
    )
