"""What `tkn benchmark` does without `--node`: every backend timed, judged and printed."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import torch

from tkn_ros.benchmark.following import format_following, measure_following
from tkn_ros.benchmark.machine import describe_machine
from tkn_ros.benchmark.overhead import time_overhead
from tkn_ros.benchmark.quality import add_quality, format_quality
from tkn_ros.benchmark.roofline import Rates, measure_rates
from tkn_ros.benchmark.rows import Row, Setting, format_rows
from tkn_ros.benchmark.scaling import format_scaling, measure_scaling, plot_scaling
from tkn_ros.benchmark.startup import load_network, startup_seconds
from tkn_ros.benchmark.timing import at_size, default_backends, measure
from tkn_ros.commands.benchmark_clips import network_and_clips
from tkn_ros.model.devices import select_device
from tkn_ros.model.following import FollowingTKN
from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.select import make_backend
from tkn_ros.whole_file import whole_file

QUICK_SECONDS = 44.0  # from start to end
AFTERWARDS = 18.0  # [s] of it for quality and start-up
LOADING = 2.0  # [s] that it takes to make the backends of one setting


def run_backends(options: argparse.Namespace, growth: Path | None) -> dict[str, Any]:
    """Measure and print; returns what `--json` writes. `growth`: the file for its tables."""
    began = time.perf_counter()
    threads = options.threads or os.cpu_count() or 1
    torch.set_num_threads(threads)
    device = select_device(options.device)
    model = load_network(options.weights).to(device)
    if isinstance(model, FollowingTKN):
        return {'following': _measure_following(model, options, threads)}
    rates = measure_rates(device, 1.0 if options.quick else 3.0)
    settings = _settings(options)
    machine = describe_machine(rates, device)
    print(_describe(machine, threads))
    chosen = _chosen(model, settings, threads)  # first: what it converts is needed in any case
    rows = _measure_all(model, settings, chosen, rates, threads, options, began)
    late = options.quick and time.perf_counter() - began > QUICK_SECONDS - AFTERWARDS / 2
    if late:
        print('\nToo late for the quality figures: leave out --quick')
    else:
        judge, clips, description = network_and_clips(options, model, min(options.horizons))
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
    result: dict[str, Any] = {
        'machine': machine,
        'auto': chosen,
        'rows': [vars(row) for row in rows],
    }
    if options.all or growth:
        result['growth'] = _measure_growth(model, chosen, rates, threads, options.seconds, growth)
    if options.weights == 'full' and not late:
        bundled = load_network('bundled').to(device)
        assert isinstance(bundled, FollowingTKN)
        result['following'] = _measure_following(bundled, options, threads)
    print(f'{time.perf_counter() - began:.0f} s in all')
    return result


def _settings(options: argparse.Namespace) -> list[Setting]:
    settings = [
        Setting(side, side, options.window, horizon, cameras)
        for side in options.sizes
        for cameras in options.cameras
        for horizon in options.horizons
    ]
    if options.all:
        settings += [Setting(128, 128, 4, 4), Setting(64, 64, 10, 20, 4)]
    return settings


def _chosen(model: TKN, settings: list[Setting], threads: int) -> dict[str, dict[str, str]]:
    """What `auto` takes at each setting, and why."""
    chosen = {}
    for setting in settings:
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
    return chosen


def _measure_all(
    model: TKN,
    settings: list[Setting],
    chosen: dict[str, dict[str, str]],
    rates: Rates,
    threads: int,
    options: argparse.Namespace,
    began: float,
) -> list[Row]:
    """Times of all backends at each setting, printed as they come.

    Args:
        model: the network.
        settings: what is predicted.
        chosen: of `_chosen`.
        rates: of this machine.
        threads: of the CPU.
        options: of the command line.
        began: when the command did, as of `time.perf_counter` [s].
    """
    names = (
        [backend_name(text) for text in options.backends]
        if options.backends
        else default_backends(model, options.quick)
    )
    rows: list[Row] = []
    for i, setting in enumerate(settings):
        seconds = options.seconds
        if options.quick:
            left = QUICK_SECONDS - AFTERWARDS - (time.perf_counter() - began)
            seconds = max(0.0, left / (len(settings) - i) - LOADING)
        print(f'\n{setting}', flush=True)
        least = 1 if options.quick else 3
        mine = measure(model, setting, names, rates, seconds, threads, least=least)
        best = chosen[str(setting)]
        for row in mine:
            row.chosen = (row.backend, row.precision) == (best['backend'], best['precision'])
        rows += mine
        print(format_rows(mine))
        print(f'auto: {best["backend"]} {best["precision"]}: {best["why"]}', flush=True)
    return rows


def _measure_following(
    model: FollowingTKN, options: argparse.Namespace, threads: int
) -> dict[str, dict[str, list[float]]]:
    """Stages of followed keypoints, by the reference and by the backend that `auto` takes."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in ('eager', 'auto'):
        backend = make_backend(model, name, '', threads)
        key = f'{backend.name} {backend.precision}'
        if key in found:
            continue
        figures = measure_following(model, backend, repeats=40 if options.quick else 150)
        found[key] = {part: list(times) for part, times in figures.items()}
        print(f'\n{format_following(figures, backend)}', flush=True)
    return found


def _measure_growth(
    model: TKN,
    chosen: dict[str, dict[str, str]],
    rates: Rates,
    threads: int,
    seconds: float,
    table: Path | None,
) -> dict[str, list[dict[str, Any]]]:
    """Time along each axis, printed, and left in a table with a plot beside it.

    Args:
        model: the network.
        chosen: of `_chosen`.
        rates: of this machine.
        threads: of the CPU.
        seconds: of measuring at one setting of the benchmark.
        table: the file to write; None for none.
    """
    best = list(chosen.values())[min(1, len(chosen) - 1)]
    print(f'\nGrowth of {best["backend"]} {best["precision"]}')
    grown = measure_scaling(
        model, (best['backend'], best['precision']), rates, seconds / 4, threads
    )
    text = format_scaling(grown)
    print(text)
    if table is not None:
        with whole_file(table) as part:
            part.write_text(text)
            plot_scaling(grown, part.with_suffix('.png'))
    return {axis: [vars(row) for row in rows] for axis, rows in grown.items()}


def backend_name(text: str) -> tuple[str, str]:
    """'openvino:int8' -> ('openvino', 'int8')."""
    name, _, precision = text.partition(':')
    return name, precision


def _describe(machine: dict[str, Any], threads: int) -> str:
    rates = ', '.join(f'{name} {rate:.0f}' for name, rate in machine['gmacs_per_s'].items())
    return (
        f'{machine["gpu"] or machine["cpu"]}; {machine["cores"]} cores, {threads} threads; '
        f'10^9 multiply-accumulates a second: {rates}; '
        f'{machine["gb_read_per_s"]:.0f} GB read a second; '
        f'load {machine["load_average"]:.1f}'
    )
