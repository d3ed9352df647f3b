"""The renderer of synthetic clips: the same seed gives the same pixels, and pixels that move."""

import cv2
import numpy as np
import pytest

from tkn_ros.synthetic.render import SyntheticSource, render_clip
from tkn_ros.video.frame import Frame

SEEDS = range(40)


@pytest.fixture(scope='module')
def clips():
    """Forty small random clips, (11, 48, 64, 3) each."""
    return [np.stack(list(render_clip(s, 11, 48, 64, 15.0, 'random'))) for s in SEEDS]


def coarse(image):
    """RunOptions over 8x8 pixels: sensor noise averages out, motion stays."""
    h, w = image.shape[:2]
    return cv2.resize(image, (w // 8, h // 8), interpolation=cv2.INTER_AREA).astype(np.float32)


@pytest.mark.parametrize('kind', ['demo', 'random', 'glyphs'])
def test_same_seed_same_pixels_whatever_the_length(kind):
    whole = list(render_clip(5, 6, 64, 80, kind=kind))
    short = list(render_clip(5, 3, 64, 80, kind=kind))
    assert len(whole) == 6 and len(short) == 3
    for a, b in zip(whole, short):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize('kind', ['demo', 'random', 'glyphs'])
@pytest.mark.parametrize('size', [(64, 64), (50, 97), (120, 160)])
def test_frames_are_contiguous_rgb_bytes_that_the_caller_may_keep(kind, size):
    frames = list(render_clip(2, 3, *size, kind=kind))
    for frame in frames:
        assert frame.shape == (*size, 3) and frame.dtype == np.uint8
        assert frame.flags.c_contiguous and frame.flags.writeable
    assert not np.shares_memory(frames[0], frames[1])


def test_rendering_is_lazy():
    clip = render_clip(0, 10**9, 32, 32, kind='random')
    assert next(clip).shape == (32, 32, 3)


def test_most_random_clips_move_and_a_few_hold_still(clips):
    moved = [np.abs(coarse(c[0]) - coarse(c[10])).mean() for c in clips]
    assert np.mean(np.array(moved) > 1.0) >= 0.85, np.round(moved, 2)


def test_seeds_differ(clips):
    firsts = np.stack([coarse(c[0]).ravel() for c in clips])
    for i in range(len(firsts)):
        gaps = np.abs(np.delete(firsts, i, 0) - firsts[i]).mean(1)
        assert gaps.min() > 1.5, f'seed {i} looks like another one'


def test_about_a_quarter_of_random_clips_are_grey(clips):
    grey = [bool((np.ptp(c, axis=3) == 0).all()) for c in clips]
    assert 0.1 <= np.mean(grey) <= 0.45


def test_pictures_are_neither_black_nor_white_nor_empty(clips):
    spread = np.array([c[0].std() for c in clips])
    level = np.array([c[0].mean() for c in clips])
    assert np.mean(spread > 8) > 0.85
    assert np.mean((level > 20) & (level < 235)) > 0.85
    assert level.std() > 20  # dark ones and bright ones


@pytest.mark.parametrize('step', [1, 5])
def test_motion_is_finer_than_a_pixel(step):
    """Neighbouring frames of the demo are closer to each other than far ones."""
    f = [coarse(x) for x in render_clip(0, 31, 96, 128)]
    near = np.mean([np.abs(f[i + step] - f[i]).mean() for i in range(0, 25, 5)])
    far = np.mean([np.abs(f[i] - f[30]).mean() for i in range(0, 25, 5)])
    assert 0 < near < far


def test_demo_source_is_ten_seconds_stamped_at_its_rate():
    with SyntheticSource(seed=1) as source:
        assert (source.height, source.width, source.fps, len(source)) == (240, 320, 30.0, 300)
        frame = next(iter(source))
        assert isinstance(frame, Frame)
        assert frame.stamp_ns == 0 and frame.image.shape == (240, 320, 3)
        last = list(source.frames(298))
        assert [f.stamp_ns for f in last] == [round(i * 1e9 / 30) for i in (298, 299)]


def test_source_can_start_anywhere_and_again():
    source = SyntheticSource(3, 12, 48, 64, 25.0, 'random', frame_id='cam')
    whole = list(source)
    assert len(whole) == 12 and whole[0].frame_id == 'cam'
    part = list(source.frames(5, 8))
    assert [f.stamp_ns for f in part] == [200_000_000, 240_000_000, 280_000_000]
    for a, b in zip(part, whole[5:8]):
        np.testing.assert_array_equal(a.image, b.image)
    assert list(source.frames(12)) == [] and len(list(source.frames(10, 99))) == 2
    assert source.count() == len(source) == 12
    with pytest.raises(ValueError, match='frames 9 to 4'):
        source.frames(9, 4)
    np.testing.assert_array_equal(
        whole[4].image, list(render_clip(3, 12, 48, 64, 25.0, 'random'))[4]
    )


@pytest.mark.parametrize(
    'wrong, word',
    [({'kind': 'film'}, 'film'), ({'height': 8}, '8x320'), ({'fps': 0.0}, 'fps is 0.0')],
)
def test_bad_arguments_are_named_at_once(wrong, word):
    with pytest.raises(ValueError, match=word) as caught:
        render_clip(0, **wrong)
    assert '\n' not in str(caught.value)


def test_glyphs_move_over_a_ground_that_stays_as_it_is():
    frames = np.stack(list(render_clip(1, 12, 64, 64, kind='glyphs'))).astype(int)
    ground = np.median(frames, axis=(0, 1, 2))
    lit = np.abs(frames - ground).max(-1) > 20  # (n, 64, 64)
    assert 0.005 < lit.mean() < 0.5
    assert (lit[0] != lit[5]).any()
    assert (frames[~lit] - ground).any(-1).mean() < 0.1  # but for the soft edges
