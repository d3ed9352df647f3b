"""`auto`: the fastest that is good enough, kept for the next start."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import SIDE, WINDOW, small_model

import tkn_ros.streaming.select as select
from tkn_ros.streaming.backends.base import BackendError
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.cache import cache_of, cache_root, fingerprint
from tkn_ros.streaming.quality import (
    MAX_LOSS,
    future_of,
    predict_clip,
    quality_loss,
    synthetic_clips,
)
from tkn_ros.video.metrics import clip_psnr

MODEL = small_model(residual=True)


class Fake(EagerBackend):
    """The reference, made slower or worse."""

    def __init__(self, name, precision, slow=0.0, off=0.0):
        super().__init__(MODEL)
        self.name, self.precision, self.slow, self.off = name, precision, slow, off

    def render(self, *inputs):
        import time

        time.sleep(self.slow)
        frames = super().render(*inputs).astype(float)
        noise = np.random.default_rng(0).normal(0, self.off, frames.shape) if self.off else 0
        return np.clip(frames + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """{(name, precision): settings of a Fake, or an error}, and a cache of its own."""
    backends, made = {}, []

    def make(model, name, precision, threads, folder):
        made.append((name, precision))
        what = backends[name, precision]
        if isinstance(what, Exception):
            raise what
        return Fake(name, precision, **what)

    monkeypatch.setenv('TKN_CACHE_DIR', str(tmp_path))
    monkeypatch.setattr(select, 'candidates', lambda model: list(backends))
    monkeypatch.setattr(select, '_make', make)
    monkeypatch.setattr(select, '_busy', lambda: False)
    return backends, made


def test_the_fastest_of_those_that_lose_no_quality(machine):
    backends, made = machine
    backends.update(
        {
            ('fast', 'rough'): {'off': 30.0},
            ('middle', 'fine'): {'slow': 0.01},
            ('broken', ''): BackendError('no such thing\nhere'),
            ('slow', 'fine'): {'slow': 0.05},
        }
    )
    chosen = select.make_backend(MODEL, 'auto', horizon=4)
    assert (chosen.name, chosen.precision) == ('middle', 'fine')
    for part in ('for 4 frames', 'fast rough', 'dB', 'slow fine', 'broken  (no such thing)'):
        assert part in chosen.reason
    assert '\n' not in chosen.reason


def test_the_choice_is_kept_for_the_same_weights_and_setting(machine):
    backends, made = machine
    backends.update({('a', 'x'): {}, ('b', 'x'): {'slow': 0.1}})
    assert select.make_backend(MODEL, horizon=4).name == 'a'
    del made[:]
    again = select.make_backend(MODEL, horizon=4)
    assert again.name == 'a' and made == [('a', 'x')] and 'tried on' in again.reason
    select.make_backend(MODEL, horizon=5)
    assert ('b', 'x') in made  # another horizon is another trial
    del made[:]
    select.make_backend(small_model(seed=1, residual=True), horizon=4)
    assert ('b', 'x') in made  # so are other weights
    del made[:]
    select.make_backend(MODEL, horizon=4, cached=False)
    assert ('b', 'x') in made


def test_another_machine_with_the_same_home_folder_makes_its_own_choice(machine, monkeypatch):
    backends, made = machine
    backends.update({('a', 'x'): {}, ('b', 'x'): {'slow': 0.1}})
    select.make_backend(MODEL, horizon=4)
    (key,) = json.loads((cache_of(MODEL) / 'choices.json').read_text())
    assert select.processor('cpu') in key and f'{os.cpu_count()} cores' in key
    monkeypatch.setattr(select, 'processor', lambda device: 'another, 64 cores')
    backends['b', 'x'], backends['a', 'x'] = backends['a', 'x'], backends['b', 'x']
    assert select.make_backend(MODEL, horizon=4).name == 'b'


@pytest.mark.skipif(not Path('/proc/cpuinfo').is_file(), reason='CPUs are named as on Linux')
def test_a_processor_is_told_by_its_model():
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    if not names:
        pytest.skip('this CPU does not tell its model')
    assert select.processor('cpu') == f'{names[0]}, {os.cpu_count()} cores'


def test_a_choice_made_on_a_busy_machine_is_made_again_on_an_idle_one(machine, monkeypatch):
    backends, made = machine
    backends.update({('a', 'x'): {}, ('b', 'x'): {'slow': 0.1}})
    monkeypatch.setattr(select, '_busy', lambda: True)
    select.make_backend(MODEL, horizon=4)
    del made[:]
    select.make_backend(MODEL, horizon=4)
    assert made == [('a', 'x')]
    monkeypatch.setattr(select, '_busy', lambda: False)
    select.make_backend(MODEL, horizon=4)
    assert ('b', 'x') in made


def test_a_kept_choice_that_is_gone_or_damaged_is_made_again(machine):
    backends, made = machine
    backends.update({('a', 'x'): {}, ('b', 'x'): {'slow': 0.1}})
    select.make_backend(MODEL, horizon=4)
    backends['a', 'x'] = BackendError('uninstalled')
    assert select.make_backend(MODEL, horizon=4).name == 'b'
    (cache_of(MODEL) / 'choices.json').write_text('{"')
    backends['a', 'x'] = {}
    assert select.make_backend(MODEL, horizon=4).name == 'a'


def test_alone_it_is_taken_without_a_trial(machine):
    backends, made = machine
    backends['eager', ''] = {'slow': 5.0}
    assert 'pip install' in select.make_backend(MODEL, 'auto').reason


def test_the_trial_asks_for_a_whole_prediction(monkeypatch):
    frame = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    backend, drawn = EagerBackend(MODEL), []
    render = backend.render
    monkeypatch.setattr(backend, 'render', lambda *a: drawn.append(render(*a)) or drawn[-1])
    step = select.prediction_step(MODEL, backend, frame, WINDOW, 5, cameras=2)
    for _ in range(3):
        step()
    assert len(drawn) == 6  # two cameras each
    clip = torch.from_numpy(frame)[None, None].expand(-1, WINDOW, -1, -1, -1)
    with torch.no_grad():
        expected, _ = MODEL(clip.permute(0, 1, 4, 2, 3).float() / 255, 5)
    expected = (expected.clamp(0, 1) * 255).round().permute(0, 1, 3, 4, 2).numpy()
    assert drawn[-1].shape == (1, 5, SIDE, SIDE, 3)
    assert np.abs(drawn[-1] - expected).max() <= 1


def test_quality_is_measured_against_the_truth():
    clips = synthetic_clips(MODEL, WINDOW, 3)
    assert [c.shape for c in clips] == [(WINDOW + 3, SIDE, SIDE, 3)] * 2
    assert all(np.array_equal(a, b) for a, b in zip(clips, synthetic_clips(MODEL, WINDOW, 3)))
    assert all(np.abs(c[-1].astype(int) - c[0]).mean() > 0.2 for c in clips)  # something moves
    frames = predict_clip(MODEL, EagerBackend(MODEL), clips[0], WINDOW)
    assert frames.shape == (3, SIDE, SIDE, 3)
    worse = predict_clip(MODEL, Fake('worse', '', off=10.0), clips[0], WINDOW)
    truth = future_of(MODEL, clips[0], WINDOW)
    assert np.array_equal(truth, clips[0][WINDOW:])  # of the network's size as it is
    assert quality_loss([frames], [frames], [truth]) == 0
    assert quality_loss([worse], [frames], [truth]) > MAX_LOSS
    assert clip_psnr(frames, frames) == 60.0
    assert clip_psnr(np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 51, np.uint8)) == (
        pytest.approx(-20 * np.log10(0.2))
    )


def test_rounding_that_happens_to_help_is_a_loss_all_the_same():
    reference = np.full((1, 8, 8, 3), 100, np.uint8)
    truth, better = reference + 10, reference + 5
    assert clip_psnr(better, truth) > clip_psnr(reference, truth)
    assert quality_loss([better], [reference], [truth]) == pytest.approx(10 * np.log10(1.25))
    assert quality_loss([better, reference], [reference] * 2, [truth] * 2) == pytest.approx(
        5 * np.log10(1.25)
    )


def test_the_cache_forgets_weights_that_were_not_used_for_long(monkeypatch, tmp_path):
    monkeypatch.setenv('TKN_CACHE_DIR', str(tmp_path))
    other = tmp_path / 'photographs'
    other.mkdir()
    os.utime(other, (0, 0))
    for i in range(9):
        old = tmp_path / f'{i:020x}'
        old.mkdir()
        os.utime(old, (i + 1, i + 1))
    folder = cache_of(MODEL)
    left = {p.name for p in tmp_path.iterdir()}
    assert folder.name == fingerprint(MODEL) in left and 'photographs' in left
    assert len(left) == 7 and f'{8:020x}' in left and f'{0:020x}' not in left


def test_the_fingerprint_is_of_weights_and_widths_but_not_of_sizes():
    twin = small_model(residual=True)
    assert fingerprint(twin) == fingerprint(MODEL)
    assert fingerprint(small_model(residual=True, height=64, window=7)) == fingerprint(MODEL)
    with torch.no_grad():
        next(twin.parameters()).view(-1)[0] += 1e-3
    assert fingerprint(twin) != fingerprint(MODEL)
    assert fingerprint(small_model(residual=False)) != fingerprint(MODEL)


def test_without_a_place_to_write_nothing_is_kept(monkeypatch, tmp_path):
    file = tmp_path / 'file'
    file.write_text('')
    monkeypatch.setenv('TKN_CACHE_DIR', str(file / 'below'))
    assert cache_root() is None and cache_of(MODEL) is None
    monkeypatch.delenv('TKN_CACHE_DIR')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert cache_root() == Path(tmp_path) / 'tkn_ros' / 'engine'
    (cache_root() / 'choices.json').write_text(json.dumps({}))
