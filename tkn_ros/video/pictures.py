"""Pictures as files hold them, decoded: the header first, since it may claim any size."""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
from PIL import Image

from tkn_ros.video.frame import VideoError
from tkn_ros.video.limits import allowed_pixels, check_pixels

FORMATS = ('JPEG', 'PNG', 'BMP', 'TIFF', 'WEBP', 'PPM')
MAX_SCANS = 100  # of a progressive JPEG, each of which is a pass over the whole picture

_SCAN = b'\xff\xda'  # in compressed data 0xff is followed by 0


def decode_picture(data: bytes | memoryview | np.ndarray, flags: int) -> np.ndarray:
    """What `cv2.imdecode` gives, for a picture of a known format and of an allowed size.

    Args:
        data: the encoded picture.
        flags: of `cv2.imdecode`.

    Raises:
        VideoError: where it is none, damaged or too large; a reason without the picture's name.
    """
    encoded = np.frombuffer(data, np.uint8)
    most = 8 * allowed_pixels() + (1 << 20)  # four channels of 16 bits, and a header
    if encoded.size > most:
        raise VideoError(f'{encoded.size} bytes are more than a picture may have ({most})')
    height, width = _size(encoded)
    check_pixels(height, width)
    try:
        image = cv2.imdecode(encoded, flags)
    except cv2.error:
        image = None
    if image is None:
        raise VideoError(f'its {encoded.size} bytes are not a whole picture')
    return image


def _size(encoded: np.ndarray) -> tuple[int, int]:
    """(height, width) as the header says [pixel]."""
    data = encoded.data
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of its own limit, and of odd metadata
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                width, height = picture.size
                kind = picture.format
    except Image.DecompressionBombError:
        raise VideoError('it claims to have hundreds of millions of pixels') from None
    except Exception:  # damaged headers raise whatever their reader trips over
        raise VideoError(
            f'its {encoded.size} bytes are not a whole JPEG, PNG, BMP, TIFF, WebP or PPM'
        ) from None
    if kind in ('JPEG', 'MPO') and bytes(data).count(_SCAN) > MAX_SCANS:
        raise VideoError(f'a JPEG of more than {MAX_SCANS} scans')
    return height, width
