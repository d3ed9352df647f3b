"""`tkn benchmark`: how fast is it here, by which backend, and does it cost quality?"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from tkn_ros.commands.options import positive

DESCRIPTION = (
    "Times whole predictions (a new frame's bytes in, all predicted frames' bytes out) by every "
    "backend in turns, the paper's own process among them (naive/: how many times faster than "
    'that), with the share of the speed that this machine could reach at most (floor) and what '
    'the pictures lose. The backend that "auto" takes is starred.'
)
QUICK_SECONDS = 44.0  # from start to end
AFTERWARDS = 18.0  # [s] of it for quality and start-up
LOADING = 2.0  # [s] that it takes to make the backends of one setting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All of them; nothing is imported for it."""
    parser.description = DESCRIPTION
    parser.add_argument(
        '--weights',
        default='full',
        metavar='FILE',
        help='"full": the paper\'s 19.1 M network, untrained, which is as fast as '
        'a trained one; "bundled"; or a .safetensors file (default: full)',
    )
    parser.add_argument(
        '--quick',
        action='store_true',
        help='64x64, horizons 10 and 20, an answer within 50 seconds',
    )
    parser.add_argument(
        '--all',
        action='store_true',
        help='also the Human3.6M setting, and growth with horizon, window, size and cameras',
    )
    parser.add_argument(
        '--backends',
        nargs='+',
        metavar='NAME[:PRECISION]',
        help='e.g. openvino:int8 eager compile (default: those that "auto" tries)',
    )
    parser.add_argument('--horizons', nargs='+', type=positive, default=[10, 20], metavar='FRAMES')
    parser.add_argument(
        '--sizes',
        nargs='+',
        type=positive,
        default=[64],
        metavar='PIXELS',
        help='sides of square frames',
    )
    parser.add_argument('--window', type=positive, default=10, metavar='FRAMES')
    parser.add_argument('--cameras', nargs='+', type=positive, default=[1], metavar='COUNT')
    parser.add_argument(
        '--threads', type=positive, metavar='COUNT', help='of the CPU (default: all cores)'
    )
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    parser.add_argument(
        '--clips',
        nargs='+',
        metavar='PATH',
        help='real videos for the quality figures (default: synthetic scenes)',
    )
    parser.add_argument(
        '--quality-weights',
        default='paper-form',
        metavar='FILE',
        help='the trained network for the quality figures where --weights is '
        '"full" (default: the bundled weights of the form of the paper)',
    )
    parser.add_argument(
        '--seconds',
        type=float,
        default=10.0,
        help='of measuring at each setting (default: %(default)s)',
    )
    parser.add_argument('--json', metavar='FILE', help='write machine and rows here')
    parser.add_argument(
        '--growth', metavar='DIR', help='write the tables and the plot of growth into this folder'
    )


def run(options: argparse.Namespace) -> None:
    """Measure and print."""
    began = time.perf_counter()
    import os

    import torch

    from tkn_ros.benchmark.machine import describe_machine
    from tkn_ros.benchmark.overhead import time_overhead
    from tkn_ros.benchmark.quality import add_quality
    from tkn_ros.benchmark.roofline import measure_rates
    from tkn_ros.benchmark.rows import Setting, format_rows
    from tkn_ros.benchmark.startup import load_network, startup_seconds
    from tkn_ros.benchmark.timing import at_size, default_backends, measure
    from tkn_ros.model.devices import select_device
    from tkn_ros.streaming.select import make_backend

    threads = options.threads or os.cpu_count()
    torch.set_num_threads(threads)
    device = select_device(options.device)
    model = load_network(options.weights).to(device)
    if model.config.following:
        followed = _following(model, options, threads)
        if options.json:
            _write_json(options.json, {'following': followed})
        return
    rates = measure_rates(device, 1.0 if options.quick else 3.0)
    names = (
        [_name(text) for text in options.backends]
        if options.backends
        else default_backends(model, options.quick)
    )
    settings = [
        Setting(side, side, options.window, horizon, cameras)
        for side in options.sizes
        for cameras in options.cameras
        for horizon in options.horizons
    ]
    if options.all:
        settings += [Setting(128, 128, 4, 4), Setting(64, 64, 10, 20, 4)]
    machine = describe_machine(rates, device)
    print(_describe(machine, threads))
    rows, chosen = [], {}
    for setting in settings:  # first, since what it converts is needed in any case
        best = make_backend(
            at_size(model, setting),
            'auto',
            '',
            threads,
            setting.horizon,
            setting.window,
            setting.batch,
        )
        chosen[str(setting)] = {
            'backend': best.name,
            'precision': best.precision,
            'why': best.reason,
        }
        del best
    for i, setting in enumerate(settings):
        seconds = options.seconds
        if options.quick:
            left = QUICK_SECONDS - AFTERWARDS - (time.perf_counter() - began)
            seconds = max(0.0, left / (len(settings) - i) - LOADING)
        print(f'\n{setting}', flush=True)
        mine = measure(
            model, setting, names, rates, seconds, threads, least=1 if options.quick else 3
        )
        best = chosen[str(setting)]
        for row in mine:
            row.chosen = (row.backend, row.precision) == (best['backend'], best['precision'])
        rows += mine
        print(format_rows(mine))
        print(f'auto: {best["backend"]} {best["precision"]}: {best["why"]}', flush=True)
    late = options.quick and time.perf_counter() - began > QUICK_SECONDS - AFTERWARDS / 2
    if late:
        print('\nToo late for the quality figures: leave out --quick')
    else:
        judge, clips, description = _judge(options, model, min(options.horizons))
        add_quality(rows, judge, clips, options.window, threads)
        print(f'\nQuality, {description}\n{format_quality(rows)}')
        machine['quality'] = description
    machine['overhead_ms'] = time_overhead(64, 64, max(options.horizons))
    print(
        '\nAround the network [ms]: '
        + ', '.join(f'{name} {ms:.2f}' for name, ms in machine['overhead_ms'].items())
    )
    if device == 'cpu' and options.weights == 'full' and not late:
        machine['startup_s'] = startup_seconds(threads, settings[0].horizon)
        print(f'Start from the cache to the first prediction: {machine["startup_s"]:.1f} s')
    result = {'machine': machine, 'auto': chosen, 'rows': [vars(row) for row in rows]}
    if options.all or options.growth:
        result['growth'] = _growth(options, model, chosen, rates, threads)
    if options.weights == 'full' and not late:
        result['following'] = _following(load_network('bundled').to(device), options, threads)
    if options.json:
        _write_json(options.json, result)
    print(f'{time.perf_counter() - began:.0f} s in all')


def _write_json(path: str, result: dict) -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + '\n')


def _following(model, options, threads: int) -> dict:
    """Stages of followed keypoints, by the reference and by the backend that `auto` takes."""
    from tkn_ros.benchmark.following import format_following, measure_following
    from tkn_ros.streaming.select import make_backend

    found = {}
    for name in ('eager', 'auto'):
        backend = make_backend(model, name, '', threads)
        key = f'{backend.name} {backend.precision}'
        if key in found:
            continue
        figures = measure_following(model, backend, repeats=40 if options.quick else 150)
        found[key] = {part: list(times) for part, times in figures.items()}
        print(f'\n{format_following(figures, backend)}', flush=True)
    return found


def format_quality(rows) -> str:
    """One line for each backend."""
    seen = {}
    for row in rows:
        seen.setdefault((row.backend, row.precision), row)
    return '\n'.join(
        f'{row.backend + " " + row.precision:24} PSNR {row.psnr_db:6.2f} dB  '
        f'SSIM {row.ssim:.4f}  loss {row.psnr_loss_db:+.3f} dB'
        for row in seen.values()
    )


def _name(text: str) -> tuple[str, str]:
    name, _, precision = text.partition(':')
    return name, precision


def _describe(machine: dict, threads: int) -> str:
    rates = ', '.join(f'{name} {rate:.0f}' for name, rate in machine['gmacs_per_s'].items())
    return (
        f'{machine["gpu"] or machine["cpu"]}; {machine["cores"]} cores, {threads} threads; '
        f'10^9 multiply-accumulates a second: {rates}; '
        f'{machine["gb_read_per_s"]:.0f} GB read a second; '
        f'load {machine["load_average"]:.1f}'
    )


def _judge(options, model, horizon: int):
    """The network and the clips for the quality figures, and what they are in words."""
    from tkn_ros.benchmark.startup import load_network
    from tkn_ros.streaming.quality import synthetic_clips

    description = ''
    if options.weights == 'full':
        try:
            judge = load_network(options.quality_weights)
            description = f'{options.quality_weights} weights'
        except (ValueError, OSError) as error:
            judge, description = model, f'untrained ({error})'
        judge = judge.to(next(model.parameters()).device)
    else:
        judge, description = model, f'weights {options.weights}'
    if not options.clips:
        clips = synthetic_clips(judge, options.window, horizon)
        return judge, clips, f'{description}, {len(clips)} runs of synthetic scenes'
    import numpy as np

    from tkn_ros.datasets.clips import resize_clip
    from tkn_ros.evaluation.runs import cut_runs
    from tkn_ros.video.open import open_source

    side = judge.config.height, judge.config.width
    videos = []
    for path in options.clips:
        with open_source(path) as source:
            videos.append(np.stack([resize_clip([frame.image], *side)[0] for frame in source]))
    runs = cut_runs(videos, options.window, horizon, 8 if options.quick else 40)
    names = ', '.join(Path(path).name for path in options.clips)
    return (
        judge,
        runs,
        f'{description}, {len(runs)} runs of {options.window} -> {horizon} of {names}',
    )


def _growth(options, model, chosen: dict, rates, threads: int) -> dict:
    """Measure, print, and leave in --growth."""
    from tkn_ros.benchmark.scaling import format_scaling, measure_scaling, plot_scaling

    best = list(chosen.values())[min(1, len(chosen) - 1)]
    print(f'\nGrowth of {best["backend"]} {best["precision"]}')
    grown = measure_scaling(
        model, (best['backend'], best['precision']), rates, options.seconds / 4, threads
    )
    text = format_scaling(grown)
    print(text)
    if options.growth:
        folder = Path(options.growth)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'growth.md').write_text(text)
        plot_scaling(grown, folder / 'growth.png')
    return {axis: [vars(row) for row in rows] for axis, rows in grown.items()}
