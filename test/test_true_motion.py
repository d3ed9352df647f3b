"""The renderer's own account of its motion, against the pictures that it draws."""

import cv2
import numpy as np
import pytest

from tkn_ros.synthetic.render import Clip, render_clip
from tkn_ros.synthetic.true_motion import SLACK, TrueMotion

SEEDS = {  # of kind 'random', by family
    'plain': (8, 10, 25, 33, 46, 52),
    'street': (1, 11, 14, 15, 20, 22),
    'drive': (6, 19, 24, 40, 51, 57),
    'above': (12, 17, 18, 23, 26, 29),
    'shapes': (0, 2, 4, 5, 7, 9),
}
CLIPS = {
    'demo': [('demo', seed) for seed in range(3)],
    **{family: [('random', seed) for seed in seeds] for family, seeds in SEEDS.items()},
}
EACH = [clips[1] for clips in CLIPS.values()]


def grid(motion, step=5):
    """Points (N, 2) all over a picture."""
    x, y = np.meshgrid(np.arange(2, motion.width - 2, step), np.arange(2, motion.height - 2, step))
    return np.stack([x.ravel(), y.ravel()], 1).astype(np.float64)


def at(image, points):
    """The pixels of an image nearest to points (N, 2)."""
    x, y = np.rint(points).astype(int).T
    return image[y, x]


def clear(*clips):
    """The motions of clips (kind, seed) without noise, drift of the exposure and shadows."""
    motions = [TrueMotion(Clip(seed, kind=kind)) for kind, seed in clips]
    for motion in motions:
        scene = motion._clip.scene
        scene.sensor.noise = scene.sensor.jpeg = scene.light.shadow = 0
        scene.sensor.drift = 0, 0, 0
    return motions


def lucas_kanade(motion, i, figures, gap=1, undo=False):
    """Corners of frame i on figures or on the ground, where they are found `gap` frames on, truth.

    Those whose window straddles a figure's edge are left out, and those that Lucas and Kanade's
    method does not bring back to where they came from. undo: the later picture is first warped onto
    the earlier one, so that they should be found where they are.
    """
    one, other = (cv2.cvtColor(motion.picture(k), cv2.COLOR_RGB2GRAY) for k in (i, i + gap))
    if undo:
        x, y = np.moveaxis(motion.flow(i, i + gap), 2, 0)
        x, y = x + np.arange(motion.width), y + np.arange(motion.height)[:, None]
        other = cv2.remap(other, *np.nan_to_num(np.float32([x, y]), nan=-99), cv2.INTER_CUBIC)
    objects = motion.objects(i)
    edge = cv2.morphologyEx(objects.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((5, 5)))
    mask = ((objects > 0) == figures) & (edge == 0)
    mask[:8] = mask[-8:] = mask[:, :8] = mask[:, -8:] = False
    corners = cv2.goodFeaturesToTrack(
        one, 150, 0.02, 4, mask=255 * mask.astype(np.uint8), blockSize=5
    )
    if corners is None:
        return np.zeros((3, 0, 2))
    flow = {'winSize': (11, 11), 'maxLevel': 0 if undo else 3}
    found, good, _ = cv2.calcOpticalFlowPyrLK(one, other, corners, None, **flow)
    back, _, _ = cv2.calcOpticalFlowPyrLK(other, one, found, None, **flow)
    corners, found, back = corners[:, 0], found[:, 0], back[:, 0]
    truth, seen = motion.follow(corners, i, [i + gap])
    keep = seen[0] & (good[:, 0] > 0) & (np.linalg.norm(back - corners, axis=1) < 0.5)
    return np.stack([corners, found, truth[0]])[:, keep]


@pytest.mark.parametrize('kind', ['demo', 'random', 'glyphs'])
@pytest.mark.parametrize('size', [(50, 97), (64, 64)])
def test_pictures_are_those_of_the_clip(kind, size):
    motion = TrueMotion(Clip(3, *size, 15.0, kind), 4)
    motion.flow(0, 2)
    assert len(motion) == 4
    for i, picture in enumerate(render_clip(3, 4, *size, 15.0, kind)):
        np.testing.assert_array_equal(motion.picture(i), picture)
    objects, flow = motion.objects(1), motion.flow(1, 2)
    assert objects.shape == size and objects.dtype == np.int16
    assert flow.shape == (*size, 2) and flow.dtype == np.float32


@pytest.mark.parametrize('family', CLIPS)
def test_optical_flow_agrees(family):
    motions = clear(*CLIPS[family])
    for figures in (False, True):
        corners, found, truth = np.concatenate(
            [lucas_kanade(motion, i, figures) for motion in motions for i in (20, 90)], 1
        )
        off = np.linalg.norm(found - truth, axis=1)
        moves = np.linalg.norm(truth - corners, axis=1) > 1
        assert len(off) > 50
        assert np.median(off) < 0.2, figures
        assert moves.sum() < 20 or np.median(off[moves]) < 0.2, figures


@pytest.mark.parametrize(
    'seed,figures',
    [
        pytest.param(73, False, id='shakes'),
        pytest.param(38, False, id='moves before a backdrop'),
        pytest.param(59, False, id='rolls'),
        pytest.param(31, False, id='zooms'),
        pytest.param(112, True, id='zooms in on shapes'),
    ],
)
def test_nothing_moves_once_the_motion_of_the_camera_is_undone(seed, figures):
    (motion,) = clear(('random', seed))
    corners, left, truth = lucas_kanade(motion, 20, figures, 5, undo=True)
    assert len(corners) > 50
    assert np.median(np.linalg.norm(truth - corners, axis=1)) > 1
    assert np.median(np.linalg.norm(left - corners, axis=1)) < 0.1


@pytest.mark.parametrize('kind,seed', EACH)
def test_what_is_visible_looks_the_same_and_what_is_hidden_does_not(kind, seed):
    (motion,) = clear((kind, seed))
    points, seen_differ, ghosts = grid(motion), [], []
    for i, j in ((20, 24), (60, 52)):
        positions, visible = motion.follow(points, i, [j])
        one, other = (cv2.GaussianBlur(motion.picture(k), (0, 0), 1).astype(int) for k in (i, j))
        differ = np.abs(at(one, points[visible[0]]) - at(other, positions[0][visible[0]])).mean(1)
        seen_differ += list(differ)
        still = np.abs(at(one, points) - at(other, points)).mean(1)
        ghosts += list(still[visible[0]])
    assert len(seen_differ) > 1000
    assert np.mean(np.array(seen_differ) > 20) < 0.05
    assert np.mean(seen_differ) < np.mean(ghosts) + 0.5


@pytest.mark.parametrize('kind,seed', [*EACH, ('glyphs', 2)])
def test_there_and_back_again(kind, seed):
    motion = TrueMotion(Clip(seed, kind=kind))
    points = grid(motion)
    positions, visible = motion.follow(points, 30, [30, 36, 22])
    np.testing.assert_allclose(positions[0], points, atol=1e-3)
    assert visible[0].all()
    for j, there, seen in zip((36, 22), positions[1:], visible[1:]):
        assert seen.sum() > 100
        back, also = motion.follow(there[seen], j, [30])
        away = np.linalg.norm(back[0] - points[seen], axis=1)
        assert away.max() < SLACK + 0.01  # at a joint the way back may be another limb's
        assert np.mean(away < 1e-2) > 0.9
        assert also.mean() > 0.95


@pytest.mark.parametrize('kind,seed', [*EACH, ('glyphs', 2)])
def test_flow_and_objects_tell_the_same_as_follow(kind, seed):
    motion = TrueMotion(Clip(seed, kind=kind))
    points = grid(motion, 7)
    flow = motion.flow(40, 43)
    positions, visible = motion.follow(points, 40, [43])
    np.testing.assert_allclose(points + at(flow, points), positions[0], atol=1e-2)
    seen = visible[0]
    assert np.array_equal(
        at(motion.objects(40), points[seen]), at(motion.objects(43), positions[0][seen])
    )


def test_the_ground_does_not_move_before_a_camera_that_stands_still():
    motion = TrueMotion(Clip(11, kind='random'))
    camera = motion._clip.scene.camera
    assert camera.fixed and not camera.shake
    flow, ground = motion.flow(0, 40), motion.objects(0) == 0
    assert ground.mean() > 0.5
    np.testing.assert_allclose(flow[ground], 0, atol=1e-4)


def test_a_figure_has_one_number_throughout_and_hides_what_it_covers():
    motion = TrueMotion(Clip(0))
    frames = list(range(20, 44, 4))
    for i in frames:
        car = motion.objects(i) == 7  # after six people; the demo's is always red
        red, green, _ = np.median(motion.picture(i)[car], 0)
        assert car.sum() > 500 and red > 1.8 * green
    # Ground that the car drives over.
    before, after = motion.objects(20), motion.objects(40)
    y, x = np.nonzero((before == 0) & (after == 7) & (motion.objects(36) != 7))
    points = np.stack([x, y], 1).astype(float)
    _, visible = motion.follow(points, 20, [20, 40])
    assert len(points) > 200
    assert visible[0].all() and visible[1].mean() < 0.05
    y, x = np.nonzero((before == 7) & (after == 7))
    assert motion.follow(np.stack([x, y], 1), 20, [24])[1].mean() > 0.7


def test_who_left_and_came_in_again_is_not_followed():
    motion = TrueMotion(Clip(0))
    y, x = np.nonzero(motion.objects(20) == 7)
    back = next(k for k in range(140, 300) if (motion.objects(k) == 7).sum() > 1000)
    positions, visible = motion.follow(np.stack([x, y], 1), 20, [30, back])
    assert np.isfinite(positions[0]).all() and visible[0].any()
    assert np.isnan(positions[1]).all() and not visible[1].any()


def test_glyphs_keep_their_pixels():
    motion = TrueMotion(Clip(2, kind='glyphs'))
    one, other = motion.picture(3), motion.picture(9)
    y, x = np.nonzero(motion.objects(3))
    points = np.stack([x, y], 1)
    positions, visible = motion.follow(points, 3, [9])
    assert visible.sum() > 200 and np.abs(positions[0] - points).max() > 3
    np.testing.assert_array_equal(at(one, points[visible[0]]), at(other, positions[0][visible[0]]))
