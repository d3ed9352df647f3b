"""Region and fit: what the network sees, and the way back, to the pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tkn_ros.video.geometry import FITS, check_roi, input_geometry


def numbered(height, width):
    """A picture of which every pixel says where it is: (y, x, 7)."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y, x, np.full_like(x, 7)], -1).astype(np.uint8)


@st.composite
def inputs(draw):
    height, width = draw(st.integers(16, 200)), draw(st.integers(16, 200))
    w, h = draw(st.integers(8, width)), draw(st.integers(8, height))
    roi = (draw(st.integers(0, width - w)), draw(st.integers(0, height - h)), w, h)
    shape = draw(st.sampled_from([(64, 64), (64, 128), (96, 64), (1, 3)]))
    return (height, width), draw(st.sampled_from([roi, (0, 0, 0, 0)])), draw(
        st.sampled_from(FITS)
    ), shape  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(inputs())
def test_every_pixel_and_every_point_goes_there_and_back(case):
    source, roi, fit, shape = case
    geometry = input_geometry(source, roi, fit, shape)
    picture = geometry.picture(numbered(*source))
    assert picture.shape == (geometry.height, geometry.width, 3)
    y, x = np.nonzero(picture[..., 2])  # what is no bar
    back = geometry.to_source(np.stack([x, y], -1))
    assert np.array_equal(back, picture[y, x, 1::-1])  # each pixel says where it was
    assert np.array_equal(geometry.from_source(back), np.stack([x, y], -1))
    left, top, width, height = geometry.shown
    assert len(x) == width * height  # bars alone are left out
    wanted = numbered(*source)[top : top + height, left : left + width]
    assert np.array_equal(geometry.without_bars(picture), wanted)


@settings(max_examples=200, deadline=None)
@given(inputs())
def test_fits_keep_what_they_promise(case):
    source, roi, fit, shape = case
    geometry = input_geometry(source, roi, fit, shape)
    x, y, width, height = roi if roi[2] else (0, 0, source[1], source[0])
    whole = input_geometry(source, roi)
    assert whole.shown == (x, y, width, height)
    if fit == 'letterbox':
        assert geometry.shown == whole.shown
    if fit == 'crop':
        assert geometry.shown == (geometry.left, geometry.top, geometry.width, geometry.height)
        assert geometry.width <= width and geometry.height <= height
    if fit != 'stretch':  # the network's shape within a pixel
        assert (
            abs(geometry.width - geometry.height * shape[1] / shape[0])
            <= 0.5 * max(1, shape[1] / shape[0]) + 1e-9
        )


def test_vga_in_a_square():
    assert input_geometry((480, 640), fit='letterbox').shown == (0, 0, 640, 480)
    assert input_geometry((480, 640), fit='letterbox').top == -80
    assert input_geometry((480, 640), fit='crop').shown == (80, 0, 480, 480)
    drawn = input_geometry((480, 640), fit='letterbox').without_bars(np.zeros((64, 64, 3)))
    assert drawn.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        (((480, 640), (600, 0, 64, 64)), r'roi is \[600, 0, 64, 64\], and the image is 640x480'),
        (((480, 640), (0, 0, 4, 64)), r'roi is \[0, 0, 4, 64\], expected .* 8 or more'),
        (((480, 640), (-1, 0, 64, 64)), 'x and y 0 or more'),
        (((480, 640), (1, 2, 3)), r'expected \[x, y, width, height\]'),
        (((480, 640), (0, 0, 0, 0), 'zoom'), 'fit is "zoom", expected one of stretch'),
    ],
)
def test_what_cannot_be_is_named(arguments, says):
    with pytest.raises(ValueError, match=says):
        input_geometry(*arguments)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match='image is 32x24 pixels.*640x480'):
        input_geometry((480, 640)).picture(np.zeros((24, 32, 3), np.uint8))
    assert check_roi([0, 0, 0, 0]) == (0, 0, 0, 0)
