"""One stage of training: resumed exactly, stopped by what is not finite, in half precision."""

import numpy as np
import pytest
import torch
from small_models import small_model

from tkn_ros.training.stage import (
    Schedule,
    Stage,
    TrainingError,
    batches_in_turn,
    cpu_has_bfloat16,
    prefetched_batches,
)
from tkn_ros.training.stages import detector_stage

CLIPS = [np.random.default_rng(i).integers(0, 256, (12, 32, 32, 3), np.uint8) for i in range(2)]


def test_every_step_can_be_gone_on_from():
    """A stage restored from its state does the same steps, dropout and averages included."""

    def stage(seed):
        torch.manual_seed(seed)
        detector = small_model(seed).detector
        return detector_stage(detector, CLIPS, Schedule(6, 1e-2, ema=0.5), batch=2, max_gap=3)

    whole = stage(0)
    states, losses = [], []
    for loss in whole:
        losses.append(loss)
        states.append(torch.load(_saved(whole.state()), weights_only=True))
    for done in (0, 2, 4):
        other = stage(1)
        other.restore(states[done])
        assert list(other) == losses[done + 1 :]
        for name, weight in other.averaged().items():
            assert torch.equal(weight, whole.averaged()[name])


def _saved(state):
    import io

    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


def test_an_infinite_gradient_stops_before_it_reaches_the_weights():
    layer = torch.nn.Linear(1, 1)
    before = layer.weight.detach().clone()
    stage = Stage(
        'tiny',
        layer,
        lambda step: torch.zeros(1, 1),
        lambda net, x: (net(x) - net(x)).abs().sqrt().sum(),
        Schedule(3, 1e-2),
    )
    with pytest.raises(TrainingError, match='norm of the gradient is nan at step 0'):
        list(stage)
    assert torch.equal(layer.weight, before)


def test_drawn_ahead_are_the_same_batches_in_their_order():
    assert (
        list(prefetched_batches(lambda step: step * step, 3, 9))
        == list(batches_in_turn(lambda step: step * step, 3, 9))
        == [9, 16, 25, 36, 49, 64]
    )


def test_half_precision_is_asked_for_and_changes_little():
    layer, frames = torch.nn.Conv2d(3, 3, 3), torch.rand(2, 3, 8, 8)

    def first_loss(**options):
        schedule = Schedule(1, 0.0, half=options.pop('half', True))
        stage = Stage(
            'a',
            layer,
            lambda step: frames,
            lambda net, x: net(x).float().square().mean(),
            schedule,
            **options,
        )
        return stage.half, next(iter(stage))

    assert first_loss()[0] is False and first_loss(half_on_cpu=True, half=False)[0] is False
    half, loss = first_loss(half_on_cpu=True)
    assert half == cpu_has_bfloat16()
    assert loss == pytest.approx(first_loss()[1], rel=0.02)
