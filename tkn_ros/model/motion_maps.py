"""Predicted displacements of keypoints as maps, for the network that draws."""

import torch
from torch import Tensor

MOTION_MAPS = 5  # channels: displacement half way and at the end (x, y each), and the density
SPREAD = 0.045  # of the picture's width: standard deviation of a keypoint's Gaussian
FULL = 0.1  # of the picture's width: displacement that counts as 1


def motion_maps(keypoints: Tensor, active: Tensor, height: int, width: int) -> Tensor:
    """Maps of where the picture is predicted to move, according to the keypoints.

    At each pixel the displacement is the mean of the keypoints' own, weighted by Gaussians about
    their newest positions (Eqs 10 to 12); far from all of them it fades to zero.

    Args:
        keypoints: (B, 3, K, 2): newest position, those half way and at the end of the window's
            length ahead; as shares (x, y) of the picture's width and height, [0, 1] inside.
        active: (B, K) bool or float.
        height: of the maps [pixel].
        width: of the maps [pixel].

    Returns:
        (B, MOTION_MAPS, height, width).
    """
    aspect = height / width
    xs = (torch.arange(width, device=keypoints.device, dtype=keypoints.dtype) + 0.5) / width
    ys = (torch.arange(height, device=keypoints.device, dtype=keypoints.dtype) + 0.5) / height
    x, y = keypoints[:, 0, :, 0, None], keypoints[:, 0, :, 1, None]  # (B, K, 1)
    gx = torch.exp(-0.5 * ((xs - x) / SPREAD).square())  # (B, K, width)   Eq 10
    gy = torch.exp(-0.5 * ((ys - y) * aspect / SPREAD).square())  # (B, K, height)   Eq 11
    gy = gy * active.to(gy.dtype)[..., None]
    moved = (keypoints[:, 1:] - keypoints[:, :1]) / FULL  # (B, 2, K, 2)
    moved = moved.clamp(-5, 5).transpose(2, 3).flatten(1, 2)  # (B, 4, K): x, y, x, y
    total = torch.einsum('bkh,bkw->bhw', gy, gx)[:, None]  # (B, 1, h, w)   Eq 12
    sums = torch.einsum('bck,bkh,bkw->bchw', moved, gy, gx)  # (B, 4, h, w)
    return torch.cat([sums / (total + 0.1), total.clamp(max=2)], 1)
