"""Settings: the presets, and batches that several processes share."""

import re
from dataclasses import replace

import numpy as np
import pytest
from train_help import SETTINGS

from tkn_ros.datasets.clips import Clip
from tkn_ros.model.checkpoints import config_difference, load_checkpoint
from tkn_ros.training.sampler import ClipSampler
from tkn_ros.training.settings import (
    SettingsError,
    load_settings,
    preset_names,
    settings_from_dict,
)
from tkn_ros.training.stage_settings import Mix, StageSettings


@pytest.mark.parametrize('name', preset_names())
def test_presets_can_be_read(name):
    assert load_settings(name)[0].stages


@pytest.mark.parametrize('name', ['kth', 'human36m'])
def test_the_papers_presets_learn_from_pairs_and_can_be_shared_by_sixteen(name):
    settings, _ = load_settings(name)
    assert settings.targets == 1
    settings.check_shared_by(16)


@pytest.mark.parametrize(
    'batch, targets, count',
    [(32, 4, 16), (32, 4, 8), (34, 4, 2), (3, 4, 2), (6, 2, 2), (12, 2, 4), (5, 1, 1), (7, 1, 2)],
)
def test_a_batch_that_cannot_be_shared_is_refused_before_anything_is_done(batch, targets, count):
    """As the sampler will; and the batch that the message names can be shared."""
    stage = StageSettings(batch=batch)
    settings = replace(
        SETTINGS,
        stages=('detector', 'joint'),
        targets=targets,
        detector=stage,
        joint=replace(stage, batch=count),
    )
    sampler = ClipSampler([np.zeros((9, 8, 8, 3), np.uint8)], 0, count=count)
    try:
        sampler.multi_target_batch(batch, 3, targets)
    except ValueError:
        with pytest.raises(
            SettingsError,
            match=f'detector: a batch of {batch}.* cannot be shared '
            f'by {count} processes; give --batch',
        ) as error:
            settings.check_shared_by(count)
        better = int(re.search(r'--batch (\d+)', str(error.value))[1])
        assert batch <= better < batch + count * targets
        stage = StageSettings(batch=better)
        replace(settings, detector=stage, joint=stage).check_shared_by(count)
        assert len(sampler.multi_target_batch(better, 3, targets)) * count * targets == better
    else:
        settings.check_shared_by(count)


def test_what_a_config_names_wrongly():
    with pytest.raises(SettingsError, match='x: "epoch" is unknown; expected model, stages'):
        settings_from_dict({'epoch': 1}, 'x')
    with pytest.raises(SettingsError, match='x: "targets" is 1.5, expected int, as 4'):
        settings_from_dict({'targets': 1.5}, 'x')


def test_the_mix_of_clips_by_their_origin():
    def clip(origin, frames):
        return Clip(origin, np.zeros((frames, 1, 1, 3), np.uint8), 25.0, origin=origin)

    clips = [clip('scenes', 40), clip('scenes', 40), clip('recorded', 400), clip('recorded', 100)]
    assert np.allclose(Mix().weights(clips), np.sqrt([40, 40, 400, 100]))
    weights = Mix(scenes=0.6, recorded=0.4).weights(clips)
    assert np.allclose(weights, [0.3, 0.3, 0.4 * 2 / 3, 0.4 / 3])
    long = Mix(scenes=0.6, glyphs=0.1, recorded=0.3, shortest_recording=200).weights(clips)
    assert np.allclose(long, [0.3, 0.3, 0.3, 0])  # no glyphs are there
    with pytest.raises(ValueError, match='no clip has an origin'):
        Mix(glyphs=1.0).weights(clips)
    with pytest.raises(ValueError, match='scenes is -1.0, expected a number from 0'):
        Mix(scenes=-1.0)


def test_a_stage_may_differ_from_the_run():
    settings, _ = load_settings('default')
    assert settings.schedule('background', 9).ema == 0.995
    assert settings.schedule('tracks', 9).ema == settings.ema
    assert settings.schedule('motion', 9).warmup == settings.warmup
    assert settings.motion.augmentation.crop == 0.45 and settings.motion.augmentation.flip
    assert settings.background.augmentation is None and settings.augmentation.crop == 0.3
    with pytest.raises(ValueError, match="-1 for the run's"):
        StageSettings(ema=1.5)


def test_the_default_preset_makes_the_bundled_kind_of_network():
    bundled = load_checkpoint().config
    assert config_difference(load_settings('default')[0].model, bundled) == ''
