"""Many drives: in processes of this machine, or over Ray on many, resumable, one summary."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from tkn_ros.evaluation.drive_settings import DriveSettings
from tkn_ros.whole_file import whole_file

SETTINGS, SUMMARY = 'settings.json', 'summary.json'  # written before the first, after the last
# headline figures: (title, where in a report)
FIGURES = {
    'trust': ('keypoints', 'trust'),
    'err': ('keypoints', 'err'),
    'err_stay': ('keypoints', 'err_stay'),
    'err_constant_velocity': ('keypoints', 'err_constant_velocity'),
    'psnr': ('pictures', 'psnr'),
    'psnr_repeat_last': ('pictures', 'psnr_repeat_last'),
    'ssim': ('pictures', 'ssim'),
    'ssim_repeat_last': ('pictures', 'ssim_repeat_last'),
}
Task = tuple[str, str, DriveSettings]  # bag, folder of its results, settings


def drive_name(bag: str | Path) -> str:
    """Of a drive's folder: the bag's name without its ending."""
    path = Path(bag)
    return path.stem if path.suffix in ('.mcap', '.db3', '.bag') else path.name


def named(bags: Sequence[str | Path]) -> dict[str, str]:
    """{name: bag}, numbered where several have one name: /a/drive.mcap and /b/drive.mcap."""
    out: dict[str, str] = {}
    for bag in bags:
        name, number = drive_name(bag), 2
        while name in out:
            name, number = f'{drive_name(bag)}-{number}', number + 1
        out[name] = str(bag)
    return out


def finished(folder: Path, bag: str, settings: DriveSettings) -> dict[str, Any] | None:
    """The report of an earlier run with the same settings, files and weights, if it is there.

    Args:
        folder: of the drive's results.
        bag: its path.
        settings: of the evaluation.
    """
    try:
        report = json.loads((folder / 'report.json').read_text())
    except (OSError, ValueError):
        return None
    same = report.get('bag') == bag and all(
        report.get(key) == value for key, value in settings.fingerprint().items()
    )
    return report if same else None


def evaluate_one(task: Task) -> dict[str, Any]:
    """Evaluate one drive in this process: {'report': ..}, or {'error': ..} where it is broken."""
    bag, folder, settings = task
    from tkn_ros.evaluation.drive_report import evaluate_drive

    try:
        return {'report': evaluate_drive(bag, folder, settings)}
    except (ValueError, OSError, RuntimeError) as error:
        return {'error': ' '.join(str(error).split())}


def evaluate_drives(
    bags: Sequence[str | Path],
    folder: str | Path,
    settings: DriveSettings,
    workers: int = 1,
    ray_address: str | None = None,
    report: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Evaluate each bag into a folder of its own; a broken one is listed and passed over.

    Drives that an earlier, interrupted run has finished with the same settings are kept. Returns
    what summary.json holds: drives [{name, bag, folder, figures}], failed [{name, bag, error}],
    overall (means over the drives), settings.

    Args:
        bags: to evaluate.
        folder: of the results, one folder a drive; over Ray all machines must share it.
        settings: of the evaluation.
        workers: processes of this machine.
        ray_address: of a Ray cluster, 'auto' for one that runs here, 'local' to start one; None:
            processes of this machine.
        report: gets a line for each drive.
    """
    folder = Path(folder)
    with whole_file(folder / SETTINGS) as part:
        part.write_text(json.dumps(settings.fingerprint(), indent=1) + '\n')
    names = named(bags)
    done: dict[str, dict[str, Any]] = {}
    tasks: dict[str, Task] = {}
    for name, bag in names.items():
        kept = finished(folder / name, bag, settings)
        if kept:
            done[name] = {'report': kept}
            report(f'{name}: finished before')
        else:
            tasks[name] = (bag, str(folder / name), settings)
    run = _over_ray(tasks, ray_address) if ray_address else _in_processes(tasks, workers)
    for name, result in run:
        done[name] = result
        report(f'{name}: {result.get("error") or one_line(result["report"])}')
    summary = summarise({name: done[name] for name in names}, names, settings)
    with whole_file(folder / SUMMARY) as part:
        part.write_text(json.dumps(summary, indent=1) + '\n')
    return summary


def _in_processes(tasks: dict[str, Task], workers: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if workers == 1 or len(tasks) < 2:
        for name, task in tasks.items():
            yield name, evaluate_one(task)
        return
    # not forked: threads of torch and OpenCV do not survive it
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(workers, context) as pool:
        names = {pool.submit(evaluate_one, task): name for name, task in tasks.items()}
        try:
            for future in as_completed(names):
                error = future.exception()
                yield (
                    names[future],
                    {'error': f'its process ended ({error})'} if error else future.result(),
                )
        except BaseException:  # interrupted: what has not begun shall not
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _over_ray(tasks: dict[str, Task], address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """One Ray task a drive; a machine that is lost has its drives evaluated by another."""
    try:
        import ray
    except ImportError:
        raise ValueError("--ray needs Ray: pip install 'tkn_ros[ray]'") from None
    ray.init(address=None if address == 'local' else address, log_to_driver=False)
    try:
        remote = ray.remote(max_retries=2)(evaluate_one)
        waiting: dict[Any, str] = {remote.remote(task): name for name, task in tasks.items()}
        while waiting:
            (ready,), _ = ray.wait(list(waiting), num_returns=1)
            name = waiting.pop(ready)
            try:
                yield name, ray.get(ready)
            except ray.exceptions.RayError as error:
                yield name, {'error': ' '.join(str(error).split())}
    finally:
        ray.shutdown()


def figures_of(report: dict[str, Any]) -> dict[str, float | None]:
    """The headline figures of one report."""
    return {name: (report[part] or {}).get(key) for name, (part, key) in FIGURES.items()}


def summarise(
    done: dict[str, dict[str, Any]], names: dict[str, str], settings: DriveSettings
) -> dict[str, Any]:
    """See `evaluate_drives`.

    Args:
        done: what `evaluate_one` gave, by name.
        names: bags by name.
        settings: of the evaluation.
    """
    drives, failed = [], []
    for name, result in done.items():
        if 'error' in result:
            failed.append({'name': name, 'bag': names[name], 'error': result['error']})
            continue
        report = result['report']
        drives.append(
            {
                'name': name,
                'bag': names[name],
                'seconds': report['seconds'],
                'counts': report['counts'],
                'lost': report['lost'],
                'figures': figures_of(report),
            }
        )
    return {
        'drives': drives,
        'failed': failed,
        'overall': {figure: _mean(d['figures'][figure] for d in drives) for figure in FIGURES},
        **settings.fingerprint(),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 4) if known else None


def one_line(report: dict[str, Any]) -> str:
    """What is printed of a drive while others run."""
    counts, figures = report['counts'], figures_of(report)
    about = ', '.join(f'{k} {figures[k]:.2f}' for k in ('trust', 'psnr') if figures[k] is not None)
    lost = f'; lost: {"; ".join(report["lost"])}' if report['lost'] else ''
    return f'{counts["predictions"]} predictions, {about or "nothing to judge"}{lost}'


def format_summary(summary: dict[str, Any], width: int = 24) -> str:
    """For a terminal."""
    columns = {
        'trust': 'trust',
        'err': 'err',
        'err_stay': 'stay',
        'err_constant_velocity': 'c.v.',
        'psnr': 'PSNR',
        'psnr_repeat_last': 'repeat',
        'ssim': 'SSIM',
        'ssim_repeat_last': 'repeat',
    }

    def row(title: str, figures: dict[str, Any]) -> str:
        cells = (('-' if figures[k] is None else f'{figures[k]:.3f}') for k in columns)
        return f'{title[-width:]:{width}}' + ''.join(f'{cell:>9}' for cell in cells)

    lines = [f'{"":{width}}' + ''.join(f'{title:>9}' for title in columns.values())]
    lines += [row(drive['name'], drive['figures']) for drive in summary['drives']]
    if len(summary['drives']) > 1:
        lines += ['', row(f'mean of {len(summary["drives"])}', summary['overall'])]
    lines += [f'passed over: {bad["bag"]}: {bad["error"]}' for bad in summary['failed']]
    lines += [
        f'{drive["name"]}: lost: {reason}'
        for drive in summary['drives']
        for reason in drive['lost']
    ]
    return '\n'.join(lines)
