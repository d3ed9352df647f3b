"""`tkn tables figures`: the paper's Figs 8, 9 and 11 from the networks of `tkn tables quality`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from tkn_ros.baselines.checkpoints import load_network
from tkn_ros.baselines.grid_keypoint import GridKeypoint
from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.baselines.struct_vrnn import StructVRNN
from tkn_ros.datasets.clips import Clip, start_of_most_motion
from tkn_ros.datasets.originals import originals
from tkn_ros.evaluation.clip_pass import draw_run
from tkn_ros.model.inference import to_tensor
from tkn_ros.paper.quality import FOLLOWED, ROWS, TITLES
from tkn_ros.streaming.make_window import make_window
from tkn_ros.streaming.prediction import to_pixels
from tkn_ros.video.drawing import KeypointPaths, draw_paths, rows, strip
from tkn_ros.video.frame import VideoError
from tkn_ros.video.writers import write_image

FAR, NEAR = 40, 10  # frames predicted in Figs 8 and 9
CELL, COLUMNS = 96, 10
SHOWN = 4  # moments of Fig 11
WITH_KEYPOINTS = ('struct-vrnn', 'grid-keypoint', 'tkn', FOLLOWED)


def draw_figures(runs: Path, clips: Sequence[Clip], out: Path, device: str = 'cpu') -> list[Path]:
    """Write fig8.png (10 -> 40), fig9.png (10 -> 10) and fig11.png (keypoints); their paths.

    A figure for which no clip is long enough is left out. Raises VideoError where no network has
    been trained.

    Args:
        runs: folder of `run_quality`.
        clips: to choose one from: of walking, if there is one, otherwise the liveliest.
        out: folder of the pictures.
        device: 'cpu', 'cuda' or 'cuda:N'.
    """
    found = {row: runs / row / 'model.safetensors' for row in ROWS}
    networks = {r: load_network(path, device) for r, path in found.items() if path.is_file()}
    if not networks:
        raise VideoError(f'{runs}: no network has been trained there; run tkn tables quality first')
    written, n = [], next(iter(networks.values())).config.window
    for name, horizon in (('fig8', FAR), ('fig9', NEAR)):
        clip = choose(clips, n + horizon)
        if clip is not None:
            written.append(out / f'{name}.png')
            write_image(written[-1], predictions(networks, clip, horizon))
    clip = choose(clips, n + 1)
    shown = {row: networks[row] for row in WITH_KEYPOINTS if row in networks}
    if clip is not None and shown:
        written.append(out / 'fig11.png')
        write_image(written[-1], keypoints(shown, clip))
    return written


def choose(clips: Sequence[Clip], frames: int) -> Clip | None:
    """A clip of so many frames, of walking if there is one; None: all are too short."""
    long = [clip for clip in clips if len(clip) >= frames]
    walking = [clip for clip in long if 'walk' in clip.name.lower() or clip.label == 'walking']

    def motion(clip: Clip) -> float:
        start = start_of_most_motion(clip.frames, frames)
        ends = clip.frames[start].astype(np.int16), clip.frames[start + frames - 1]
        return float(np.abs(ends[0] - ends[1]).mean())

    return max(walking or long, key=motion, default=None)


def predictions(networks: dict[str, AnyNetwork], clip: Clip, horizon: int) -> np.ndarray:
    """What came, and what each network predicted of it, under each other, (h, w, 3) uint8."""
    n = next(iter(networks.values())).config.window
    start = start_of_most_motion(clip.frames, n + horizon)
    run = clip.frames[start : start + n + horizon]
    parts = [
        (run[:n], 'observed, the newest on the right'),
        (run[n:], f'what came: steps to {horizon}'),
    ]
    for row, model in networks.items():
        _, images = next(originals([clip]))
        parts.append((draw_run(model, clip, images, start, horizon)[0], TITLES[row]))
    return rows([(strip(list(frames), CELL, CELL, COLUMNS), text) for frames, text in parts])


def keypoints(networks: dict[str, AnyNetwork], clip: Clip) -> np.ndarray:
    """Keypoints of some frames, a row for each network, (h, w, 3) uint8."""
    n = next(iter(networks.values())).config.window
    length = min(len(clip), 3 * n)
    start = start_of_most_motion(clip.frames, length)
    numbers = start + np.linspace(n - 1, length - 1, SHOWN).astype(int)
    parts = []
    for row, model in networks.items():
        pictures = [
            draw_paths(clip.frames[i], paths, (2 * CELL, 2 * CELL))
            for i, paths in zip(numbers, _paths(model, clip, numbers))
        ]
        parts.append((strip(pictures, 2 * CELL, 2 * CELL, SHOWN), TITLES[row]))
    return rows(parts)


def _paths(model: AnyNetwork, clip: Clip, numbers: np.ndarray) -> list[KeypointPaths]:
    """Keypoints of frames by their numbers, in pixels of the clip; of TKN with their paths."""
    size = clip.frames.shape[1:3]
    if isinstance(model, (StructVRNN, GridKeypoint)):
        frames = to_tensor(clip.frames[numbers])[None].to(next(model.parameters()).device)
        with torch.inference_mode():
            if isinstance(model, StructVRNN):
                found, side = model.detect(frames), model.config.map_side
            else:
                found, side = model.detect(frames)[0], model.config.width
        full = np.zeros((*found.shape[1:3], 3))  # (T, K, 3)
        full[..., :2] = found[0, ..., :2].cpu().numpy()
        pixels = to_pixels(full, (side, side), size)[..., :2]
        return [KeypointPaths(now, now[None]) for now in pixels]
    window, out = make_window(model, period_ns=round(1e9 / clip.fps)), []
    _, images = next(originals([clip]))
    for number, image in enumerate(images):
        window.push(number * window.fixed_period_ns, image)
        if number in numbers:
            prediction = window.predict(NEAR)
            assert prediction is not None  # a whole window came before
            points = prediction.pixels(size)
            ways = points.predicted, points.sigma, prediction.active, prediction.ids
            out.append(KeypointPaths(points.observed[-1], *ways))
    return out
