"""How large a picture, and what is unpacked, may be: a small file can claim to hold anything.

They hold for the whole process, as the limits of the decoders' own do. The predictor node sets the
bound of pictures by its parameter max_pixels.
"""

from __future__ import annotations

import os

from tkn_ros.video.frame import VideoError

MAX_PIXELS = 4096 * 4096  # of a picture, unless TKN_MAX_PIXELS says otherwise
MAX_UNPACKED = 1 << 31  # bytes that a compressed part of a file may unpack to
LARGEST = 1 << 30  # pixels that may be asked for at most
VARIABLE = 'TKN_MAX_PIXELS'

_allowed = 0  # 0: not yet asked for


def allow_pixels(pixels: int) -> None:
    """Let pictures have so many pixels. VideoError for what is no number of pixels."""
    global _allowed
    if not 1 <= pixels <= LARGEST:
        raise VideoError(f'{pixels} pixels at most: expected 1 to {LARGEST}')
    _allowed = pixels


def allowed_pixels() -> int:
    """How many pixels a picture may have."""
    if not _allowed:
        text = os.environ.get(VARIABLE, str(MAX_PIXELS))
        try:
            allow_pixels(int(text))
        except ValueError:
            raise VideoError(f'{VARIABLE} is "{text}", expected pixels, 1 to {LARGEST}') from None
    return _allowed


def check_pixels(height: int, width: int) -> None:
    """VideoError where a picture is larger than allowed. To be asked before it is decoded."""
    if height * width > allowed_pixels():
        raise VideoError(
            f'picture is {width}x{height} pixels, more than the {allowed_pixels()} allowed; make '
            f'it smaller, or allow more by the environment variable {VARIABLE} (of the predictor '
            'node: the parameter max_pixels)'
        )


def check_unpacked(size: int, what: str) -> None:
    """VideoError where what is compressed unpacks to more bytes than allowed."""
    if size > MAX_UNPACKED:
        raise VideoError(
            f'{what} unpacks to {size} bytes, more than the {MAX_UNPACKED} allowed; keep it '
            'uncompressed or in smaller parts'
        )
