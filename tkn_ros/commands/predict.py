"""`tkn predict`: a video's frames as they had been predicted."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tkn_ros.commands.options import (
    add_device,
    add_force,
    add_horizon,
    add_weights,
    positive,
)

if TYPE_CHECKING:
    from tkn_ros.baselines.networks import AnyNetwork
    from tkn_ros.model.build import Network
    from tkn_ros.video.source import Source

DESCRIPTION = (
    'Predicts a video as it goes on: OUT shows, for every moment after the first window, the '
    'frame that had been predicted for it, HORIZON frames at a time, and then the HORIZON frames '
    'after the end of the video. OUT is an .mp4, a .gif, an .mcap (sensor_msgs/Image on '
    '/tkn/predicted_frames, stamped with the future time that they show) or else a folder of '
    'images. Instead an .npz takes the keypoints, predicted again from every frame: frame (P,), '
    'observed (P, K, 2), predicted (P, HORIZON, K, 2), active (P, K), sigma (P, HORIZON, K) and '
    'id (P, K), in pixels of the video, x right and y down, 0 at the centre of a pixel.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All of them; nothing is imported for it."""
    parser.description = DESCRIPTION
    parser.add_argument(
        'video', metavar='VIDEO', help='a video file, a folder of images or a rosbag'
    )
    parser.add_argument(
        '-o',
        '--out',
        required=True,
        metavar='OUT',
        help='.mp4, .gif, .mcap, a folder, or .npz for keypoints',
    )
    add_weights(parser)
    add_horizon(parser, 'frames predicted at a time')
    parser.add_argument(
        '--size',
        type=positive,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help="of the predicted frames (default: the video's)",
    )
    parser.add_argument(
        '--compare',
        action='store_true',
        help='put the true frame on the left of each predicted one (black after '
        'the end); in an .mcap: on /camera/image_raw',
    )
    parser.add_argument(
        '--last', action='store_true', help='only the HORIZON frames after the end of the video'
    )
    parser.add_argument('--fps', type=float, help='of the video, in place of its own')
    parser.add_argument('--topic', help='of rosbags with several image topics, which one')
    add_force(parser)
    add_device(parser)


def run(options: argparse.Namespace) -> None:
    """Predict and write."""
    from tkn_ros.baselines.checkpoints import load_network
    from tkn_ros.model.checkpoints import load_checkpoint
    from tkn_ros.model.devices import select_device
    from tkn_ros.output_files import check_output_file, check_output_folder, check_parent
    from tkn_ros.streaming.predict_video import check_out
    from tkn_ros.video.open import open_source

    check_out(options.out)
    check_parent(options.out)
    inputs = [options.video, *([options.weights] if options.weights else [])]
    check = check_output_file if Path(options.out).suffix else check_output_folder
    check(options.out, inputs, options.force)
    write: Callable[[Any, Source, argparse.Namespace], str] = _write_frames
    if Path(options.out).suffix.lower() == '.npz':
        write = _write_keypoints
        _refuse_options_of_frames(options)
    load = load_checkpoint if write is _write_keypoints else load_network
    model = load(options.weights, select_device(options.device))
    with open_source(options.video, options.topic, options.fps) as source:
        wrote = write(model, source, options)
        if source.bad_count:
            print(
                f'{source.bad_count} damaged places of {source.name} were passed over '
                f'(first: {source.bad_frames[0]})'
            )
    print(f'{options.out}: {wrote}')


def _refuse_options_of_frames(options: argparse.Namespace) -> None:
    for name in ('compare', 'last', 'size'):
        if getattr(options, name):
            raise ValueError(
                f'{options.out} takes the keypoints predicted from every frame, and --{name} is of '
                'predicted frames: leave it out, or name an .mp4, .gif, .mcap or folder'
            )


def _write_frames(model: AnyNetwork, source: Source, options: argparse.Namespace) -> str:
    from tkn_ros.streaming.predict_video import predict_video

    size = (options.size[1], options.size[0]) if options.size else None
    count = predict_video(
        model, source, Path(options.out), options.horizon, size, options.compare, options.last
    )
    return f'{count} predicted frames'


def _write_keypoints(model: Network, source: Source, options: argparse.Namespace) -> str:
    from tkn_ros.streaming.keypoint_rows import predict_keypoints, write_rows

    rows = predict_keypoints(model, source, options.horizon)
    write_rows(
        options.out,
        rows,
        width=source.width,
        height=source.height,
        fps=source.fps,
        horizon=options.horizon,
        weights=Path(options.weights).name or 'default',
    )
    return f'{len(rows)} predictions of {rows.observed.shape[1]} keypoints'
