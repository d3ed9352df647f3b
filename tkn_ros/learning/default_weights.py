"""Makes the bundled default weights: python -m tkn_ros.learning.default_weights --out FILE.

Synthetic scenes, and real clips where some are given, at 64x64. Every figure that the model card
quotes is printed at the end. Each finished stage is saved beside the output, and a run that is
started again goes on from there.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from tkn_ros.learning.checkpoints import load_checkpoint, save_checkpoint
from tkn_ros.learning.clips import ClipSampler, resize_clip
from tkn_ros.learning.evaluation import NAMES, evaluate_clip
from tkn_ros.learning.training import keypoints_of, train_detector, train_predictor
from tkn_ros.model.detector import DetectorConfig
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKN, TKNConfig
from tkn_ros.video.open import open_source
from tkn_ros.video.synthetic import render_clip

SIDE = 64
FRAMES = 40
REAL_FRAMES = 1000  # of a real clip at most: the rest was never seen in training
REAL_SHARE = 0.25  # of the training examples
FRESH = 10_000_000  # seeds from here on are for evaluation only
CONFIG = TKNConfig(
    detector=DetectorConfig(output='change'),
    predictor=PredictorConfig(d_model=192, heads=6, d_head=32, d_inner=768, residual=True))


def synthetic_clips(count: int, first_seed: int, cache: Path | None) -> np.ndarray:
    """(count, FRAMES, 64, 64, 3) uint8, drawn once and kept in `cache`."""
    if cache is not None and cache.is_file():
        clips = np.load(cache)
        if len(clips) == count:
            return clips
    clips = np.stack([
        np.stack(list(render_clip(first_seed + i, FRAMES, SIDE, SIDE, kind='random')))
        for i in tqdm(range(count), 'rendering', unit='clip', disable=None)])
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, clips)
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


def refine_predictor(model: TKN, clips: list[np.ndarray], steps: int, seed: int,
                     weights: np.ndarray, batch: int = 4, lr: float = 1e-4) -> float:
    """Teach the predictor what its keypoints do to the picture; the detector stays as it is.

    The loss is the logarithm of each prediction's mean squared error, which is PSNR: a still scene
    counts as much as a lively one. Returns the mean of the last tenth.
    """
    n = model.config.window
    sampler = ClipSampler(clips, seed + 1, weights)
    optimiser = torch.optim.AdamW(model.predictor.parameters(), lr, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    model.detector.requires_grad_(False)
    history = []
    for _ in (bar := tqdm(range(steps), 'refine', unit='step', mininterval=2.0)):
        frames = sampler.windows(batch, 2 * n)  # (B, 2n, 3, H, W)
        drawn, _ = model(frames[:, :n], n)  # (B, n, 3, H, W)
        error = (drawn - frames[:, n:]).square().mean((1, 2, 3, 4))  # (B,)
        loss = torch.log(error + 1e-5).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.predictor.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        history.append(loss.item())
        bar.set_postfix(loss=f'{np.mean(history[-100:]):.3f}')
    model.detector.requires_grad_(True)
    return float(np.mean(history[-max(1, steps // 10):]))


def main(arguments: list[str] | None = None) -> None:
    """Train, save, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--real', nargs='*', default=[], help='real clips to learn from too')
    parser.add_argument('--clips', type=int, default=1500, help='synthetic clips')
    parser.add_argument('--detector-steps', type=int, default=5000)
    parser.add_argument('--predictor-steps', type=int, default=1200)
    parser.add_argument('--refine-steps', type=int, default=500)
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
    weights = np.concatenate([np.full(len(synthetic), (1 - REAL_SHARE) / len(synthetic)),
                              REAL_SHARE * np.sqrt(lengths) / max(np.sqrt(lengths).sum(), 1)])

    model = TKN(CONFIG)
    for stage in ('detector', 'predictor', 'refine'):
        done = options.out.with_suffix(f'.{stage}.safetensors')
        if done.is_file():
            model.load_state_dict(load_checkpoint(done).state_dict())
            continue
        if stage == 'detector':
            loss = train_detector(model.detector, clips, options.detector_steps,
                                  seed=options.seed, weights=weights)
        elif stage == 'predictor':
            loss = train_predictor(model.predictor, keypoints_of(model.detector, clips),
                                   options.predictor_steps, seed=options.seed,
                                   weights=np.tile(weights, 2))
        else:
            loss = refine_predictor(model, clips, options.refine_steps, options.seed, weights)
        save_checkpoint(done, model)
        print(f'{stage}: loss {loss:.6f}', flush=True)
    save_checkpoint(options.out, model, training=f'tkn_ros.learning.default_weights {options}')
    fresh = synthetic_clips(60, FRESH, None)
    figures = np.mean([evaluate_clip(model, clip, most=3) for clip in fresh], 0)
    print('60 fresh synthetic clips, mean over 10 steps: ' + ', '.join(
        f'{name} {value:.3f}' for name, value in zip(NAMES, figures.mean(0))))


if __name__ == '__main__':
    main()
