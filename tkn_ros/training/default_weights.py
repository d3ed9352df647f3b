"""Makes the bundled default weights: python -m tkn_ros.training.default_weights --out FILE.

Synthetic scenes, and real clips where some are given, at 64x64. Every figure that the model card
quotes is printed at the end. Each finished stage is saved beside the output, and a run that is
started again goes on from there.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from tkn_ros.datasets.clips import resize_clip
from tkn_ros.datasets.find import renderer_hash
from tkn_ros.evaluation.runs import NAMES, evaluate_clip
from tkn_ros.model.background import BackgroundConfig
from tkn_ros.model.checkpoints import load_checkpoint, save_checkpoint
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.synthetic.render import render_clip
from tkn_ros.training.background_stage import background_stage, picture_loss
from tkn_ros.training.sampler import Augmentation, ClipSampler
from tkn_ros.training.stage import Schedule, Stage
from tkn_ros.training.stages import (
    detect_keypoints,
    run_stage,
    train_detector,
    train_predictor,
)
from tkn_ros.video.open import open_source
from tkn_ros.whole_file import whole_file

SIDE = 64
FRAMES = 40
REAL_FRAMES = 1000  # of a real clip at most: the rest was never seen in training
REAL_SHARE = 0.4  # of the training examples
FRESH = 10_000_000  # seeds from here on are for evaluation only
CONFIG = TKNConfig(
    detector=DetectorConfig(output='change'),
    predictor=PredictorConfig(d_model=192, heads=6, d_head=32, d_inner=768, residual=True),
    background=BackgroundConfig(),
)
AUGMENTATION = Augmentation(crop=0.3, grey=0.15, hold=0.04, noise=4.0)
SETTLING = Augmentation(crop=0.4, grey=0.15, hold=0.06, turn=0.12, noise=4.0)
GLYPHS = 200  # clips of bouncing letters, in the last stage


def synthetic_clips(
    count: int, first_seed: int, cache: Path | None, kind: str = 'random'
) -> np.ndarray:
    """(count, FRAMES, 64, 64, 3) uint8, drawn once; kept beside `cache` by its own name."""
    kept = cache and cache.with_stem(
        f'{cache.stem}-{kind}-{count}-from-{first_seed}-{renderer_hash()}'
    )
    if kept is not None and kept.is_file():
        return np.load(kept)
    clips = np.stack(
        [
            np.stack(list(render_clip(first_seed + i, FRAMES, SIDE, SIDE, kind=kind)))
            for i in tqdm(range(count), 'rendering', unit='clip', disable=None)
        ]
    )
    if kept is not None:
        with whole_file(kept) as part:
            np.save(part, clips)
    return clips


def real_clips(paths: list[str]) -> list[np.ndarray]:
    """Each (T, 64, 64, 3) uint8: videos, folders, bags, or an .npz with one array of frames."""
    clips = []
    for path in paths:
        if path.endswith('.npz'):
            with np.load(path) as arrays:
                frames = arrays[arrays.files[0]]
        else:
            with open_source(path) as source:
                frames = [f.image for f in source.frames(0, REAL_FRAMES)]
        clips.append(resize_clip(frames, SIDE, SIDE))
    return clips


class Together(nn.Module):
    """A model of which the predictor, the decoder and the background learn by the pictures.

    The encoder stays, and with it what the keypoints are.
    """

    def __init__(self, model: TKN):
        super().__init__()
        self.parts = nn.ModuleList([model.predictor, model.detector.decoder, model.background])
        self.model = [model]  # a list hides the other parameters

    def forward(self, frames: Tensor) -> Tensor:
        """(B, n + m, 3, H, W) -> the last m of them as predicted from the first n."""
        (model,) = self.model
        n = model.config.window
        return model(frames[:, :n], frames.shape[1] - n)[0]


def together_stage(
    model: TKN, clips: list[np.ndarray], steps: int, seed: int, weights: np.ndarray
) -> Stage:
    """The last touch: the keypoints' part and the background's learn to share the work."""
    n, net = model.config.window, Together(model)
    sampler = ClipSampler(clips, seed, weights, AUGMENTATION)

    def loss(net: nn.Module, frames: Tensor) -> Tensor:  # frames: (B, 2n, 3, H, W)
        return picture_loss(net(frames), frames[:, n:])

    return Stage(
        'together',
        net.parts,
        lambda step: sampler.at(step).windows(4, 2 * n),
        loss,
        Schedule(steps, 3e-4),
        seed,
        net=net,
    )


def settle_stage(
    model: TKN,
    synthetic: np.ndarray,
    real: list[np.ndarray],
    steps: int,
    seed: int,
    cache: Path | None,
) -> Stage:
    """The background again, on what it does not know by heart by now.

    Without the short clips; with letters over a plain ground, and with motion that breaks off.
    """
    glyphs = synthetic_clips(GLYPHS, seed * 1_000_000, cache, 'glyphs')
    long = [clip for clip in real if len(clip) > 10 * FRAMES]
    weights = np.concatenate(
        [
            np.full(len(c), share / max(len(c), 1))
            for c, share in ((synthetic, 0.8), (glyphs, 0.1), (long, 0.1))
        ]
    )
    return background_stage(
        model,
        [*synthetic, *glyphs, *long],
        Schedule(steps, 5e-4, warmup=50, ema=0.99),
        seed=seed + 21,
        weights=weights,
        augmentation=SETTLING,
    )


def main(arguments: list[str] | None = None) -> None:
    """Train, save, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--real', nargs='*', default=[], help='real clips to learn from too')
    parser.add_argument('--clips', type=int, default=1500, help='synthetic clips')
    parser.add_argument('--detector-steps', type=int, default=5000)
    parser.add_argument('--predictor-steps', type=int, default=1200)
    parser.add_argument('--background-steps', type=int, default=9000)
    parser.add_argument('--together-steps', type=int, default=3000)
    parser.add_argument('--settle-steps', type=int, default=2900)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--cache', type=Path, default=Path('out/train/synthetic.npy'))
    parser.add_argument('--threads', type=int, default=0)
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    synthetic = synthetic_clips(options.clips, options.seed * 1_000_000, options.cache)
    real = real_clips(options.real)
    clips = [*synthetic, *real]
    lengths = np.array([len(c) for c in real], float)
    weights = np.concatenate(
        [
            np.full(len(synthetic), (1 - REAL_SHARE) / len(synthetic)),
            REAL_SHARE * np.sqrt(lengths) / max(np.sqrt(lengths).sum(), 1),
        ]
    )

    model = TKN(CONFIG)
    for name in ('detector', 'predictor', 'background', 'together', 'settle'):
        done = options.out.with_suffix(f'.{name}.safetensors')
        if done.is_file():
            model.load_state_dict(load_checkpoint(done).state_dict())
            continue
        if name == 'detector':
            loss = train_detector(
                model.detector, clips, options.detector_steps, seed=options.seed, weights=weights
            )
        elif name == 'predictor':
            loss = train_predictor(
                model.predictor,
                detect_keypoints(model.detector, clips),
                options.predictor_steps,
                seed=options.seed,
                weights=np.tile(weights, 2),
            )
        elif name == 'background':
            schedule = Schedule(options.background_steps, 2e-3, warmup=450)
            loss = run_stage(
                background_stage(
                    model,
                    clips,
                    schedule,
                    seed=options.seed + 7,
                    weights=weights,
                    augmentation=AUGMENTATION,
                    alone=True,
                )
            )
        elif name == 'together':
            loss = run_stage(
                together_stage(model, clips, options.together_steps, options.seed + 8, weights)
            )
        else:
            loss = run_stage(
                settle_stage(
                    model, synthetic, real, options.settle_steps, options.seed, options.cache
                )
            )
        save_checkpoint(done, model)
        print(f'{name}: loss {loss:.6f}', flush=True)
    save_checkpoint(options.out, model, training=f'tkn_ros.training.default_weights {options}')
    fresh = synthetic_clips(60, FRESH, None)
    figures = np.mean([evaluate_clip(model, clip, most=3) for clip in fresh], 0)
    print(
        '60 fresh synthetic clips, mean over 10 steps: '
        + ', '.join(f'{name} {value:.3f}' for name, value in zip(NAMES, figures.mean(0)))
    )


if __name__ == '__main__':
    main()
