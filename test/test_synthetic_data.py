"""Rendered clips as data, and that nothing else loads the renderer."""

import subprocess
import sys

import numpy as np
import pytest
from train_help import write_clips

from tkn_ros.datasets.clips import load_clips
from tkn_ros.datasets.find import find_recordings
from tkn_ros.video.frame import VideoError
from tkn_ros.video.writers import write_image


def test_synthetic_scenes(tmp_path):
    clips = load_clips(['synthetic:2:7'], 32, 32, tmp_path)
    assert [c.frames.shape for c in clips] == [(40, 32, 32, 3)] * 2
    assert not np.array_equal(clips[0].frames, clips[1].frames)
    other = load_clips(['synthetic:1:8'], 32, 32, tmp_path)
    assert np.array_equal(clips[1].frames, other[0].frames)  # seeds count up
    with pytest.raises(VideoError, match='synthetic:0'):
        find_recordings('synthetic:0')


def imported_by(code: str) -> set[str]:
    """The modules of ours that an interpreter has loaded after `code`."""
    found = subprocess.run(
        [sys.executable, '-c', f'import sys\n{code}\nprint(*sys.modules)'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return {m for m in found if m.startswith('tkn_ros.')}


def test_all_modules_that_draw_are_in_one_package():
    """As an interpreter that imports nothing else finds them."""
    outside = {
        m
        for m in imported_by('import tkn_ros.synthetic.render')
        if not m.startswith('tkn_ros.synthetic')
    }
    assert outside == {'tkn_ros.video', 'tkn_ros.video.frame', 'tkn_ros.video.source'}


def test_only_synthetic_clips_need_the_renderer(tmp_path):
    write_clips(tmp_path)
    drawn = 'tkn_ros.synthetic.render'
    clip = tmp_path / 'clip0.npy'
    assert drawn not in imported_by(
        f'from tkn_ros.datasets.find import find_recordings; find_recordings("{clip}")[0].open()'
    )
    opened = 'from tkn_ros.video.open import open_video; open_video({})'
    images = tmp_path / 'images'
    images.mkdir()
    write_image(images / '0.png', np.zeros((32, 32, 3), np.uint8))
    assert drawn not in imported_by(opened.format(f'"{images}"'))
    assert drawn in imported_by(opened.format('""'))


def test_glyphs_are_clips_of_their_own(tmp_path):
    glyphs, scenes = (
        load_clips([f'{kind}:2'], 32, 32, tmp_path) for kind in ('glyphs', 'synthetic')
    )
    assert [clip.origin for clip in (*glyphs, *scenes)] == ['glyphs'] * 2 + ['scenes'] * 2
    assert [len(clip) for clip in glyphs] == [40, 40]
    assert not np.array_equal(glyphs[0].frames, scenes[0].frames)
    other = load_clips(['glyphs:1:1'], 32, 32, tmp_path)
    assert np.array_equal(glyphs[1].frames, other[0].frames)  # seeds count up
    recorded = load_clips(write_clips(tmp_path / 'clips', 1), 32, 32, tmp_path)
    assert recorded[0].origin == 'recorded'
