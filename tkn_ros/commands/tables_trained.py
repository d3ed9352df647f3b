"""`tkn tables quality`, `training`, `figures` and `all`: what trains networks."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tkn_ros.commands.options import (
    add_cache,
    add_device,
    add_force,
    add_json,
    add_out,
    add_table_data,
    cache_folder,
    duration,
    positive,
    seed,
)

if TYPE_CHECKING:
    from tkn_ros.paper.quality import Plan


def add_trained(kinds: Any) -> None:
    """The parsers of these commands."""
    quality = kinds.add_parser(
        'quality',
        help='train every network on the same data for the same time, and compare them',
        description='Trains the eight peers of the paper, two networks of today, TKN and the form '
        'of the bundled weights for the same time each, and prints SSIM, PSNR, MS-SSIM and '
        'sharpness of their predictions beside trivial ones. Stopped, it goes on where it was.',
    )
    _add_plan(quality)
    add_json(quality)
    quality.set_defaults(kind=_quality)

    training = kinds.add_parser(
        'training', help="Table I's training columns: seconds an epoch, memory, time to equal loss"
    )
    _add_out(training)
    _add_cost(training)
    add_json(training)
    training.set_defaults(kind=_training)

    figures = kinds.add_parser(
        'figures', help="the paper's Figs 8, 9 and 11 from the networks of `tkn tables quality`"
    )
    _add_plan(figures)
    add_force(figures)
    figures.set_defaults(kind=_figures)

    every = kinds.add_parser(
        'all',
        help='all of them, as a page with plots',
        description='Runs what is not done yet of sizes, speed, quality, training and figures, and '
        'writes a page. What is done is kept in --out: remove speed.json or training.json there to '
        'measure them again.',
    )
    _add_plan(every)
    add_force(every)
    _add_cost(every)
    every.add_argument(
        '--page',
        default='docs/results.md',
        metavar='FILE',
        help='the page; plots go into a folder of its name (default: %(default)s)',
    )
    every.add_argument('--notes', metavar='FILE', help='Markdown to put after the head of the page')
    every.set_defaults(kind=_all)


def _add_out(parser: argparse.ArgumentParser) -> None:
    add_out(parser, 'out/tables', 'results and networks')
    parser.add_argument('--size', type=positive, default=64, metavar='PIXELS', help='default: 64')
    parser.add_argument(
        '--batch',
        type=positive,
        default=8,
        metavar='RUNS',
        help='runs of a step, of networks without keypoints (default: %(default)s)',
    )
    add_device(parser)


def _add_cost(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--seconds',
        type=duration,
        default=10.0,
        help='of training steps that are timed, of each network (default: %(default)s)',
    )


def _add_plan(parser: argparse.ArgumentParser) -> None:
    add_table_data(parser)
    parser.add_argument(
        '--budget',
        type=duration,
        required=True,
        metavar='MINUTES',
        help='of training for each network',
    )
    parser.add_argument(
        '--processor-time',
        action='store_true',
        help="minutes are of the processor's time, as on a machine that others use as well",
    )
    parser.add_argument('--window', type=positive, default=10, metavar='FRAMES')
    parser.add_argument(
        '--runs', type=positive, default=5, metavar='COUNT', help='of each test clip at most'
    )
    parser.add_argument('--seed', type=seed, default=0)
    parser.add_argument(
        '--networks', nargs='+', default=[], metavar='NAME', help='these alone (default: all)'
    )
    add_cache(parser)
    _add_out(parser)


def _plan(options: argparse.Namespace) -> Plan:
    from tkn_ros.paper.quality import ROWS, Plan

    unknown = [name for name in options.networks if name not in ROWS]
    if unknown:
        raise ValueError(f'--networks: "{unknown[0]}" is unknown; use some of {", ".join(ROWS)}')
    if not options.budget:
        raise ValueError('--budget is 0, expected minutes of training')
    return Plan(
        tuple(options.data),
        tuple(options.test),
        options.budget,
        options.size,
        options.window,
        options.horizon,
        options.batch,
        options.runs,
        options.seed,
        options.processor_time,
    )


def _results_of(options: argparse.Namespace) -> dict[str, Any]:
    from tkn_ros.datasets.find import knows_split
    from tkn_ros.model.devices import select_device
    from tkn_ros.output_files import check_output_folder
    from tkn_ros.paper.quality import RESULTS, ROWS, run_quality

    plan, out = _plan(options), Path(options.out)
    if not (plan.test or any(knows_split(path) for path in plan.data)):
        raise ValueError('--data has no test split: give --test PATH')
    quality = out / 'quality'
    check_output_folder(
        quality, [*plan.data, *plan.test], options.force or quality.is_dir(), [RESULTS]
    )
    device = select_device(options.device)
    rows = options.networks or ROWS
    return run_quality(plan, quality, cache_folder(options), device, rows)


def _quality(options: argparse.Namespace) -> None:
    from tkn_ros.output_files import check_output_file
    from tkn_ros.paper.quality_table import format_quality
    from tkn_ros.paper.sizes import write_json

    if options.json:
        check_output_file(options.json, [*options.data, *options.test], options.force)
    results = _results_of(options)
    if options.json:
        write_json(options.json, results)
    print(format_quality(results))


def _training(options: argparse.Namespace) -> None:
    from tkn_ros.model.devices import select_device
    from tkn_ros.output_files import check_output_file
    from tkn_ros.paper.quality import RESULTS
    from tkn_ros.paper.results_page import equal_times
    from tkn_ros.paper.sizes import write_json
    from tkn_ros.paper.training_cost import format_training, measure_training

    if options.json:
        check_output_file(options.json, force=options.force)
    device = select_device(options.device)
    cost = measure_training(options.batch, options.seconds, options.size, device)
    if options.json:
        write_json(options.json, cost)
    known = Path(options.out) / 'quality' / RESULTS
    equal = equal_times(json.loads(known.read_text())) if known.is_file() else None
    print(format_training(cost, equal))


def _figures(options: argparse.Namespace) -> None:
    from tkn_ros.model.devices import select_device
    from tkn_ros.paper.figures import draw_figures
    from tkn_ros.paper.quality import test_clips

    out, plan = Path(options.out), _plan(options)
    clips = test_clips(plan, cache_folder(options))
    device = select_device(options.device)
    for path in draw_figures(out / 'quality', clips, out / 'figures', device):
        print(path)


def _all(options: argparse.Namespace) -> None:
    from tkn_ros.input_files import read_text
    from tkn_ros.model.devices import select_device
    from tkn_ros.output_files import check_output_file
    from tkn_ros.paper.figures import draw_figures
    from tkn_ros.paper.quality import test_clips
    from tkn_ros.paper.results_page import write_page
    from tkn_ros.paper.sizes import size_rows
    from tkn_ros.paper.speed import Speed, measure_speed
    from tkn_ros.paper.training_cost import measure_training

    out, page = Path(options.out), Path(options.page)
    device, plan = select_device(options.device), _plan(options)
    check_output_file(page, [*plan.data, *plan.test], options.force)
    notes = read_text(options.notes, 'Markdown') if options.notes else ''
    quality = _results_of(options)
    speed = _kept(out / 'speed.json', lambda: measure_speed(out / 'graphs', 60.0, device).as_json())
    cost = _kept(
        out / 'training.json',
        lambda: measure_training(options.batch, options.seconds, options.size, device),
    )
    clips = test_clips(plan, cache_folder(options))
    figures = draw_figures(out / 'quality', clips, page.parent / page.stem, device)
    write_page(page, size_rows(), Speed.from_json(speed), quality, cost, figures, notes)
    print(page)


def _kept(path: Path, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a file holds, or a measurement that is kept there."""
    from tkn_ros.paper.sizes import write_json

    if not path.is_file():
        write_json(path, measure())
    return json.loads(path.read_text())
