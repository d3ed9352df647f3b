"""`tkn evaluate --bag` and `--compare`: drives as the node would have seen them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tkn_ros.commands.options import positive

FAILED = 3  # exit status: a limit of --fail-below is missed


def limit(text: str) -> tuple[str, float]:
    """'psnr=-0.1' -> ('psnr', -0.1)."""
    name, _, value = text.partition('=')
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text}: expected FIGURE=VALUE, as psnr=-0.1') from None


def add_bag_arguments(parser: argparse.ArgumentParser) -> None:
    """Of drives; nothing is imported for it."""
    group = parser.add_argument_group(
        'drives', 'rosbags replayed through the predictor, faster than real time'
    )
    group.add_argument(
        '--bag',
        nargs='+',
        metavar='DRIVE',
        help='rosbags: folders, .mcap, .db3, ROS 1 .bag; with --report, in place of --data',
    )
    group.add_argument(
        '--window', type=int, default=0, metavar='FRAMES', help='observed; 0: as trained'
    )
    group.add_argument(
        '--frame-rate', type=float, default=0.0, metavar='HZ', help="0: the camera's own"
    )
    group.add_argument(
        '--stride', type=positive, default=1, metavar='N', help='predict at every N-th image'
    )
    group.add_argument(
        '--roi',
        type=int,
        nargs=4,
        default=(0, 0, 0, 0),
        metavar=('X', 'Y', 'WIDTH', 'HEIGHT'),
        help='region of the image that is looked at [pixel] (default: the whole)',
    )
    group.add_argument(
        '--fit',
        default='stretch',
        help="how it becomes the network's shape: stretch, letterbox or crop "
        '(default: %(default)s)',
    )
    group.add_argument('--backend', default='auto', help='as of the node (default: %(default)s)')
    group.add_argument(
        '--threads', type=int, default=0, metavar='COUNT', help='of each process; 0: by cores'
    )
    group.add_argument('--zones', default='', metavar='FILE', help='warn of these zones')
    group.add_argument(
        '--events',
        default='',
        metavar='FILE',
        help='what happened: lines of start,end,zone in seconds (default: from --tracks, else '
        'from the observed keypoints)',
    )
    group.add_argument(
        '--false-alarms',
        type=float,
        default=1.0,
        metavar='RATE',
        help='a minute, at which ways to warn are compared (default: %(default)s)',
    )
    group.add_argument(
        '--pictures-every',
        type=float,
        default=2.0,
        metavar='SECONDS',
        help='how often predicted pictures are judged; 0: never (default: %(default)s)',
    )
    group.add_argument(
        '--frames',
        action='store_true',
        help='keep these pictures in predictions.mcap',
    )
    group.add_argument(
        '--rerun',
        default='',
        metavar='FILE.rrd',
        help='write images, keypoints and predicted paths for the Rerun viewer (extra rerun)',
    )
    group.add_argument(
        '--workers',
        type=positive,
        default=0,
        metavar='COUNT',
        help='drives evaluated at once (default: one for each core)',
    )
    group.add_argument(
        '--ray',
        nargs='?',
        const='auto',
        metavar='ADDRESS',
        help='on a Ray cluster instead; "local" starts one here',
    )
    group.add_argument(
        '--compare',
        nargs=2,
        metavar=('A', 'B'),
        help='two --report folders: paired differences; evaluates nothing',
    )
    group.add_argument(
        '--fail-below',
        type=limit,
        action='append',
        default=[],
        metavar='FIGURE=VALUE',
        help="with --compare: exit status 3 where the gain's whole interval is below, as psnr=0; "
        'figures: err, psnr, ssim',
    )


def run_bags(options: argparse.Namespace) -> int:
    """Evaluate drives and print. Status 1 where no drive could be evaluated."""
    import os

    from tkn_ros.evaluation.drive_rerun import import_rerun
    from tkn_ros.evaluation.drive_settings import DriveSettings
    from tkn_ros.evaluation.drives import SETTINGS, SUMMARY, evaluate_drives, format_summary
    from tkn_ros.output_files import check_output_file, check_output_folder
    from tkn_ros.video.geometry import check_fit, check_roi

    if not options.report:
        raise ValueError('--bag needs --report DIR, the folder of the results')
    if (options.events or options.tracks) and len(options.bag) > 1:
        raise ValueError('--events and --tracks are of one drive: give one --bag')
    if options.rerun and len(options.bag) > 1:
        raise ValueError('--rerun is of one drive: give one --bag')
    if options.events and not options.zones:
        raise ValueError('--events needs --zones, the zones that they are of')
    if options.frames and not options.pictures_every:
        raise ValueError(
            '--frames keeps the pictures that --pictures-every draws: leave it above 0'
        )
    read = (options.weights, options.zones, options.events, options.tracks)
    inputs = [*options.bag, *filter(None, read)]
    # what is there of the same settings is kept, so that it can go on after an interrupt
    check_output_folder(options.report, inputs, options.force, [SETTINGS, SUMMARY])
    if options.json:
        check_output_file(options.json, inputs, options.force)
    if options.rerun:
        import_rerun()
        check_output_file(options.rerun, inputs, options.force)
    cores = os.cpu_count() or 1
    workers = min(options.workers or cores, len(options.bag))
    settings = DriveSettings(
        window=options.window,
        horizon=options.horizon,
        frame_rate=options.frame_rate,
        stride=options.stride,
        roi=check_roi(options.roi),
        fit=check_fit(options.fit),
        weights=options.weights,
        device=options.device,
        threads=options.threads or (max(1, cores // workers) if workers > 1 else 0),
        backend=options.backend,
        topic=options.topic or '',
        zones=options.zones,
        events=options.events,
        tracks=options.tracks or '',
        tracks_scale=tuple(options.tracks_scale),
        false_alarms=options.false_alarms,
        pictures_every=options.pictures_every,
        frames=options.frames,
        rerun=options.rerun,
    )
    summary = evaluate_drives(options.bag, options.report, settings, workers, options.ray)
    print(format_summary(summary))
    if options.json:
        Path(options.json).write_text(json.dumps(summary, indent=1) + '\n')
    for drive in summary['drives']:
        print(f'report: {Path(options.report) / drive["name"] / "report.html"}')
    return 0 if summary['drives'] else 1


def run_compare(options: argparse.Namespace) -> int:
    """Compare two evaluations and print. Status FAILED where a limit of --fail-below is missed."""
    from tkn_ros.evaluation.drive_compare import (
        as_json,
        compare_results,
        failures,
        format_differences,
    )
    from tkn_ros.output_files import check_output_file

    if options.json:
        check_output_file(options.json, options.compare, options.force)
    differences = compare_results(*options.compare)
    print(format_differences(differences))
    if options.json:
        Path(options.json).write_text(json.dumps(as_json(differences), indent=1) + '\n')
    failed = failures(differences, dict(options.fail_below))
    for line in failed:
        print(f'failed: {line}')
    return FAILED if failed else 0
