"""From the decoder's last layer to a picture: the paper's way, and two that keep what is still.

- "frame" (the paper): the three channels *are* the frame. In a place unlike those of training the
  normalised features have lost its colours and the picture collapses.
- "blend": a colour and a mask; where the mask is 0 the source frame shows through untouched.
- "warp": a displacement as well, by which the source frame is moved under the mask, so that
  texture the network never saw moves as it is (the idea of Monkey-Net and First Order Motion,
  with the displacement drawn by the decoder itself).

`compose` runs at the size of the source that it is given: with "blend" and "warp" a larger
original frame can be passed, and its detail is kept.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

OUTPUT_CHANNELS = {'frame': 3, 'blend': 4, 'warp': 6}
MASK_BIAS = -3.0  # sigmoid(-3) = 0.05: training starts from "the frame does not change"
FLOW_SCALE = 0.25  # of the grid's [-1, 1]: an output of 1 is an eighth of the frame


def compose(output: str, layers: Tensor, source: Tensor) -> Tensor:
    """layers: (B, C_out, h, w), source: (B, 3, H, W) in [0, 1]. Returns (B, 3, H, W).

    Where (H, W) differs from (h, w) the layers are resized (bilinear) to the source's size.
    """
    if layers.shape[-2:] != source.shape[-2:]:
        layers = F.interpolate(layers, source.shape[-2:], mode='bilinear', align_corners=False)
    if output == 'frame':
        return layers
    colour = layers[:, :3] + 0.5  # (B, 3, H, W)
    mask = torch.sigmoid(layers[:, 3:4] + MASK_BIAS)  # (B, 1, H, W)
    if output == 'warp':
        source = warp(source, layers[:, 4:6] * FLOW_SCALE)
    return source + mask * (colour - source)


def warp(frames: Tensor, flow: Tensor) -> Tensor:
    """Backward warp: out(p) = frames(p + flow(p)), bilinear, edges repeated.

    frames: (B, 3, H, W); flow: (B, 2, H, W) as (dx, dy) in units where the frame spans [-1, 1].
    """
    height, width = frames.shape[-2:]
    ys = (torch.arange(height, device=flow.device, dtype=flow.dtype) * 2 + 1) / height - 1
    xs = (torch.arange(width, device=flow.device, dtype=flow.dtype) * 2 + 1) / width - 1
    base = torch.stack(torch.meshgrid(xs, ys, indexing='xy'), -1)  # (H, W, 2)
    return F.grid_sample(frames, base + flow.permute(0, 2, 3, 1), mode='bilinear',
                         padding_mode='border', align_corners=False)
