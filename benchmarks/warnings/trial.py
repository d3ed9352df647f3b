"""Warnings beside three rivals, as in docs/warnings.md.

usage: trial.py --zones ZONES.yaml VIDEO --points OUT.npz [--tracks gt.txt --scale SX SY]
       trial.py --zones ZONES.yaml --clips FIRST COUNT --cache FOLDER

OUT.npz: `tkn predict VIDEO -o OUT.npz --horizon M`, M frames for one second. Without --tracks the
events are those of the observed keypoints. --clips: rendered clips of 320x240 at 30 Hz, with exact
truth; what is predicted of each is kept in FOLDER.
"""

import argparse
import json
import pickle
from pathlib import Path

import numpy as np

from tkn_ros.evaluation.point_tracks import read_tracks
from tkn_ros.evaluation.warning_events import (
    events_from_keypoints,
    events_from_masks,
    events_from_tracks,
)
from tkn_ros.evaluation.warning_baselines import constant_velocity, points_of_rows
from tkn_ros.evaluation.warning_trial import Clip, compare_ways, format_ways
from tkn_ros.evaluation.warnings import Matching
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.streaming.keypoint_rows import predict_keypoints, read_rows
from tkn_ros.synthetic.render import Clip as RenderedClip
from tkn_ros.synthetic.render import SyntheticSource
from tkn_ros.synthetic.true_motion import TrueMotion
from tkn_ros.video.open import open_source
from tkn_ros.warning.zones import load_settings

FRAMES, FPS, SIZE = 240, 30.0, (240, 320)
# frames of truth past the last picture, so that a warning near the end is judged by what came
AFTER = round(Matching().before * FPS)


def rendered(seed, zones, cache, model):
    """A Clip of a rendered scene."""
    path = Path(cache) / f'{seed}.pickle'
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        motion = TrueMotion(RenderedClip(seed, *SIZE, FPS, 'random'), FRAMES + AFTER)
        frames = [motion.picture(i) for i in range(FRAMES)]
        rows = predict_keypoints(
            model, SyntheticSource(seed, FRAMES, *SIZE, FPS, 'random'), round(FPS)
        )
        times = np.arange(len(motion)) / FPS
        kept = (
            points_of_rows(rows, SIZE, 1 / FPS),
            list(constant_velocity(frames, 1 / FPS, round(FPS))),
            events_from_masks((motion.objects(i) for i in range(len(motion))), zones, times),
        )
        path.write_bytes(pickle.dumps(kept))
    ours, opencv, events = pickle.loads(path.read_bytes())
    return Clip(ours, opencv, events, times_end=(FRAMES - 1) / FPS)


def camera(seed):
    """What the camera of a rendered scene does; shaking on a mast is standing."""
    fixed = RenderedClip(seed, *SIZE, FPS, 'random').scene.camera.fixed
    return 'stands' if fixed else 'moves'


def recorded(options, zones):
    """A Clip of a video."""
    rows = read_rows(options.points)
    with open_source(options.video) as source:
        period, size = 1 / source.fps, (source.height, source.width)
        count = 0

        def frames():
            nonlocal count
            for frame in source:
                count += 1
                yield frame.image

        opencv = list(constant_velocity(frames(), period, rows.predicted.shape[1]))
    ours = points_of_rows(rows, size, period)
    if options.tracks:
        tracks = read_tracks(options.tracks, options.scale)
        events = events_from_tracks(tracks, zones, np.arange(count) * period, size)
    else:
        times = [p.stamp_ns / 1e9 for p in ours]
        events = events_from_keypoints(ours, zones, times)
    return Clip(ours, opencv, events, times_end=(count - 1) * period)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('video', nargs='?')
    parser.add_argument('--zones', required=True)
    parser.add_argument('--points')
    parser.add_argument('--tracks')
    parser.add_argument('--scale', type=float, nargs=2, default=(1, 1))
    parser.add_argument('--clips', type=int, nargs=2)
    parser.add_argument('--cache')
    parser.add_argument(
        '--camera', choices=('stands', 'moves'), help='of rendered clips only those whose camera does'
    )
    parser.add_argument('--most', type=float, default=1.0, help='false alarms a minute')
    parser.add_argument('--json')
    options = parser.parse_args()
    settings = load_settings(options.zones)
    if options.clips:
        first, count = options.clips
        model = load_checkpoint('')
        clips = [
            rendered(seed, settings.zones, options.cache, model)
            for seed in range(first, first + count)
            if options.camera in (None, camera(seed))
        ]
    else:
        clips = [recorded(options, settings.zones)]
    results = compare_ways(clips, settings.zones, options.most)
    print(format_ways(results))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
