"""From the fields of a ROS image message to an RGB picture; no ROS needed.

`rosbags.image` and `cv_bridge` do the same for tightly packed images; cameras also pad their
rows (`step`), so the memory layout is handled here and the colours are left to OpenCV.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tkn_ros.video.frame import VideoError
from tkn_ros.video.limits import check_pixels
from tkn_ros.video.pictures import decode_picture

DEPTH_RANGE_MM = 10_000
"""Depth, 16UC1 in millimetres and 32FC1 in metres: 0 to this is drawn as 0 to 255, beyond it 255.
In 32FC1 NaN (nothing measured) and -inf (too near) are 0, +inf (too far) is 255."""

# encoding: (channels in memory, bytes per channel, OpenCV conversion to RGB or None).
# OpenCV names a Bayer pattern by the second row's second and third pixel, ROS by the first row's
# first and second; so ROS's RGGB is OpenCV's BG, and so on.
_LAYOUTS = {
    'rgb8': (3, 1, None),
    'bgr8': (3, 1, cv2.COLOR_BGR2RGB),
    '8UC3': (3, 1, cv2.COLOR_BGR2RGB),
    'rgba8': (4, 1, cv2.COLOR_RGBA2RGB),
    'bgra8': (4, 1, cv2.COLOR_BGRA2RGB),
    'mono8': (1, 1, cv2.COLOR_GRAY2RGB),
    '8UC1': (1, 1, cv2.COLOR_GRAY2RGB),
    'mono16': (1, 2, cv2.COLOR_GRAY2RGB),
    '16UC1': (1, 2, cv2.COLOR_GRAY2RGB),
    '32FC1': (1, 4, cv2.COLOR_GRAY2RGB),
    'nv12': (1, 1, cv2.COLOR_YUV2RGB_NV12),
    'nv21': (1, 1, cv2.COLOR_YUV2RGB_NV21),
    'yuv422': (2, 1, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': (2, 1, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': (2, 1, cv2.COLOR_YUV2RGB_YUYV),
    'yuyv': (2, 1, cv2.COLOR_YUV2RGB_YUYV),
    'bayer_rggb8': (1, 1, cv2.COLOR_BayerBG2RGB),
    'bayer_bggr8': (1, 1, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': (1, 1, cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': (1, 1, cv2.COLOR_BayerGB2RGB),
    'bayer_rggb16': (1, 2, cv2.COLOR_BayerBG2RGB),
    'bayer_bggr16': (1, 2, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg16': (1, 2, cv2.COLOR_BayerGR2RGB),
    'bayer_grbg16': (1, 2, cv2.COLOR_BayerGB2RGB),
}
SUPPORTED = tuple(_LAYOUTS)
_TWO_PLANES = ('nv12', 'nv21')  # half as many rows again below the picture, U and V in turns

_DEPTH_TO_8BIT = (np.minimum(np.arange(2**16), DEPTH_RANGE_MM) * 255 // DEPTH_RANGE_MM).astype(
    np.uint8
)  # (65536,)


class UnsupportedEncoding(VideoError):  # noqa: N818
    """An image encoding that cannot be shown as RGB."""

    def __init__(self, encoding: str) -> None:
        super().__init__(
            f'image encoding {encoding[:60]!r} is not supported: use one of {", ".join(SUPPORTED)}'
        )
        self.encoding = encoding


def to_rgb(
    encoding: str, height: int, width: int, step: int, is_bigendian: bool, data: Any
) -> np.ndarray:
    """The picture held by the fields of a sensor_msgs/Image.

    Args:
        encoding: one of `SUPPORTED`. mono16 and Bayer 16 keep their upper byte; 16UC1 and 32FC1
            are depth, see `DEPTH_RANGE_MM` (a fixed scale, so that a pixel's value depends on
            nothing but its own depth).
        height, width: in pixels.
        step: bytes from one row to the next, padding included.
        is_bigendian: byte order of channels of more than a byte.
        data: bytes or any buffer of bytes, at least (rows - 1) * step + one row long; rows are
            the height, and of nv12 and nv21 half as many again.

    Returns:
        (height, width, 3) uint8, RGB, C-contiguous; a copy, never a view of `data`.

    Raises:
        UnsupportedEncoding, VideoError: as the names say, in one line.
    """
    if encoding not in _LAYOUTS:
        raise UnsupportedEncoding(encoding)
    channels, depth, conversion = _LAYOUTS[encoding]
    if height < 1 or width < 1:
        raise VideoError(f'image is {width}x{height} pixels: both must be at least 1')
    if channels == 2 and width % 2:
        raise VideoError(f'{encoding} image is {width} pixels wide: 4:2:2 needs an even width')
    if encoding in _TWO_PLANES and (width % 2 or height % 2):
        raise VideoError(f'{encoding} image is {width}x{height} pixels: both must be even')
    if encoding.startswith('bayer') and min(height, width) < 2:
        raise VideoError(f'{encoding} image is {width}x{height} pixels: both must be at least 2')
    check_pixels(height, width)
    row = width * channels * depth
    if step < row:
        raise VideoError(f'image step is {step} bytes: {width} pixels of {encoding} need {row}')
    data = memoryview(data).cast('B')
    rows = height * 3 // 2 if encoding in _TWO_PLANES else height
    needed = (rows - 1) * step + row  # the last row's padding may be missing
    if len(data) < needed:
        raise VideoError(
            f'image data has {len(data)} bytes: {width}x{height} {encoding} with step {step} '
            f'needs {needed}'
        )
    dtype = np.dtype(('>' if is_bigendian else '<') + {1: 'u1', 2: 'u2', 4: 'f4'}[depth])
    shape = (rows, width) if channels == 1 else (rows, width, channels)
    strides = (step, depth) if channels == 1 else (step, channels, 1)
    image = np.ndarray(shape, dtype, buffer=data, strides=strides)
    if depth == 2:
        image = _to_8bit(image, encoding == '16UC1')
    elif depth == 4:
        image = _metres_to_8bit(image)
    if conversion is None:
        return image.copy()
    return cv2.cvtColor(image, conversion)


def _to_8bit(image: np.ndarray, is_depth: bool) -> np.ndarray:
    """16-bit channels of either byte order to uint8, same shape."""
    return _DEPTH_TO_8BIT[image] if is_depth else (image >> 8).astype(np.uint8)


def _metres_to_8bit(image: np.ndarray) -> np.ndarray:
    """Depth [m], float32 of either byte order, to uint8 as `_to_8bit` does, same shape."""
    farthest = DEPTH_RANGE_MM / 1000
    clipped = np.clip(np.nan_to_num(image, nan=0.0, posinf=farthest, neginf=0.0), 0, farthest)
    return (clipped * (255 / farthest)).astype(np.uint8)


def compressed_to_rgb(format: str, data: Any) -> np.ndarray:
    """The picture held by the fields of a sensor_msgs/CompressedImage.

    Args:
        format: as the message has it, e.g. 'jpeg', 'png', 'rgb8; jpeg compressed bgr8',
            '16UC1; png compressed'. Which codec it is, the data itself say; the format
            only marks depth, and the rare image compressed with red and blue exchanged.
        data: the encoded image, bytes or any buffer of bytes.

    Returns:
        (H, W, 3) uint8, RGB, C-contiguous.

    Raises:
        VideoError: if the data are not a picture of a known format, or one that is too large.
    """
    if 'compressedDepth' in format:
        raise VideoError(
            f'compressed image format {format[:60]!r} is not supported: use the raw depth topic'
        )
    try:
        image = decode_picture(data, cv2.IMREAD_UNCHANGED)
    except VideoError as error:
        raise VideoError(
            f'compressed image of format {format[:60]!r} cannot be decoded: {error}'
        ) from None
    if image.dtype == np.uint16:
        image = _to_8bit(image, is_depth=format.startswith('16UC1'))
    if image.dtype != np.uint8:
        raise VideoError(
            f'compressed image of format {format[:60]!r} holds {image.dtype}, not integers'
        )
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    if image.shape[2] == 4:
        return cv2.cvtColor(image, cv2.COLOR_BGRA2RGB)
    if 'compressed rgb' in format:  # as image_transport's own subscriber reads it
        return image
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def message_to_rgb(message: Any) -> np.ndarray:
    """The picture of a sensor_msgs/Image or CompressedImage, of rclpy or of rosbags.

    Returns:
        (H, W, 3) uint8, RGB, C-contiguous; a copy.

    Raises:
        UnsupportedEncoding, VideoError: as `to_rgb` and `compressed_to_rgb` do.
    """
    if hasattr(message, 'format'):
        return compressed_to_rgb(message.format, message.data)
    return to_rgb(
        message.encoding,
        message.height,
        message.width,
        message.step,
        bool(message.is_bigendian),
        message.data,
    )
