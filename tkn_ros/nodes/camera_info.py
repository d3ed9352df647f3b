"""The calibration of a region of a camera's image, at any size: a pure function."""

import numpy as np
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header


def region_info(
    info: CameraInfo, region: tuple[int, int, int, int], size: tuple[int, int]
) -> CameraInfo:
    """The CameraInfo of a picture that shows a region of the camera's image.

    Region and scale are in K and P, not in `roi` and `binning`, which are blank afterwards; the
    distortion is that of the lens and stays. Header, model and R are as they were.

    Args:
        info: of the camera's image; its own `roi` and `binning` are respected.
        region: (x, y, width, height) in pixels of the image as it was received.
        size: (height, width) of the picture [pixel].

    Raises:
        ValueError: for a region or a size without pixels.
    """
    x, y, width, height = region
    if min(width, height, *size) < 1:
        raise ValueError(f'region is {region} and size {size}, expected 1 pixel or more each')
    received = np.eye(3)  # the sensor's pixels to those of the image as it came (as image_geometry)
    binning = max(info.binning_x, 1), max(info.binning_y, 1)
    for axis, (offset, bins) in enumerate(
        zip((info.roi.x_offset, info.roi.y_offset), binning, strict=True)
    ):
        received[axis, axis], received[axis, 2] = 1 / bins, -offset / bins
    shown = np.eye(3)  # 0 is the centre of a pixel
    for axis, (offset, scale) in enumerate(((x, size[1] / width), (y, size[0] / height))):
        shown[axis, axis], shown[axis, 2] = scale, (0.5 - offset) * scale - 0.5
    to_picture = shown @ received
    return CameraInfo(
        header=Header(stamp=info.header.stamp, frame_id=info.header.frame_id),
        height=size[0],
        width=size[1],
        distortion_model=info.distortion_model,
        d=info.d,
        k=(to_picture @ np.array(info.k).reshape(3, 3)).ravel(),
        r=info.r,
        p=(to_picture @ np.array(info.p).reshape(3, 4)).ravel(),
        roi=RegionOfInterest(do_rectify=info.roi.do_rectify),
    )
