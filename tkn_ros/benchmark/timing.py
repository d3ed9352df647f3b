"""How fast and how good each backend is here: `tkn benchmark`.

Everything is measured warm and in turns of a few repetitions each, the naive model of the paper
among them, so that a busy machine slows all alike and the ratios hold. A time is that of a whole
prediction as a stream asks for it: one new frame encoded, the keypoints of the horizon predicted,
all its frames drawn, from bytes to bytes. The naive model encodes the whole window again.
"cuda" is that as `SlidingWindow` asks for it, "cuda step" the same as one recorded graph.
"""

import copy
import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
import psutil
import torch

from tkn_ros.benchmark.roofline import Rates, Work, count_work, roofline_ms
from tkn_ros.benchmark.rows import STEP, Row, Setting
from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.backends.base import Backend, BackendError, render_context
from tkn_ros.streaming.backends.cuda import CUDABackend
from tkn_ros.streaming.select import candidates, make_backend

REPETITIONS = 6  # in a turn; the first is not counted
TURN_SECONDS = 0.5  # after which a slow one has no further repetitions in its turn


class Naive:
    """The paper's own process in eager PyTorch: the whole window encoded for every prediction."""

    name, precision = 'naive', 'float32'

    def __init__(self, model: TKN, device: str) -> None:
        self.model, self.device = model, device
        self.threads = torch.get_num_threads() if device == 'cpu' else 0

    @torch.inference_mode()
    def __call__(self, clip: np.ndarray, horizon: int) -> np.ndarray:
        """(B, n, H, W, 3) uint8 -> (B, horizon, H, W, 3) uint8."""
        frames = torch.from_numpy(clip).to(self.device).permute(0, 1, 4, 2, 3).float() / 255
        drawn, _ = self.model(frames, horizon)
        drawn = (drawn.clamp(0, 1) * 255).round().byte().permute(0, 1, 3, 4, 2)
        return drawn.contiguous().cpu().numpy()


def measure(
    model: TKN,
    setting: Setting,
    names: Sequence[tuple[str, str]],
    rates: Rates,
    seconds: float,
    threads: int = 0,
    cached: bool = True,
    least: int = 3,
    say: Callable[[str], None] = print,
) -> list[Row]:
    """All backends of `names` (name, precision) and the naive model at one setting.

    The turns last `seconds`, but at least `least` times. A backend that cannot be had is
    reported by `say` and left out.

    Args:
        model: the network.
        setting: what is predicted.
        names: (name, precision) of each backend.
        rates: of this machine.
        seconds: how long the turns last.
        threads: of the CPU; 0 for the number that torch uses.
        cached: whether converted graphs may be kept and used.
        least: rounds at least.
        say: gets one line for each thing worth reporting.
    """
    model = at_size(model, setting)
    device = str(next(model.parameters()).device)
    rng = np.random.default_rng(0)
    clip = rng.integers(
        0, 256, (setting.batch, setting.window, setting.height, setting.width, 3), np.uint8
    )
    naive = Naive(model, device)
    contenders = [_Contender(naive, lambda: naive(clip, setting.horizon))]
    process = psutil.Process()
    for name, precision in names:
        before, on_gpu = process.memory_info().rss, _gpu_memory(device)
        try:
            backend = make_backend(
                model,
                name,
                precision,
                threads,
                setting.horizon,
                setting.window,
                setting.batch,
                cached,
            )
            contender = _Contender(backend, _streaming(backend, clip, setting))
        except (BackendError, RuntimeError) as error:
            say(f'  {name} {precision} left out: {str(error).splitlines()[0]}')
            continue
        grown = process.memory_info().rss - before
        contender.resident_mb = grown / 2**20 if grown > 0 else None  # earlier ones' was freed
        contender.cuda_peak_mb = _gpu_peak_mb(device, on_gpu)
        contenders.append(contender)
        if isinstance(backend, CUDABackend):
            whole = _stepping(backend, clip, setting)
            whole.resident_mb = contender.resident_mb
            whole.cuda_peak_mb = _gpu_peak_mb(device, on_gpu)  # with the graphs of its stages
            contenders.append(whole)
    _take_turns(contenders, seconds, least)
    work = count_work(
        model, setting.height, setting.width, setting.window, setting.horizon, setting.batch
    )
    return [_row(c, contenders[0], setting, rates, work, device) for c in contenders]


def at_size(model: TKN, setting: Setting) -> TKN:
    """The same network, its weights shared, for frames of another size."""
    twin = copy.copy(model)
    twin.config = replace(model.config, height=setting.height, width=setting.width)
    return twin


def _gpu_memory(device: str) -> int:
    """Bytes that are taken now; the peak is counted from here on."""
    if device == 'cpu':
        return 0
    gc.collect()  # graphs of backends that are gone
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def _gpu_peak_mb(device: str, before: int) -> float | None:
    if device == 'cpu':
        return None
    return (torch.cuda.max_memory_allocated(device) - before) / 2**20


class _Contender:
    def __init__(self, backend: Backend | Naive, run: Callable[[], object], name: str = '') -> None:
        self.backend, self.run, self.name = backend, run, name or backend.name
        self.times: list[float] = []
        self.stages: list[tuple[float, ...]] = []
        self.resident_mb: float | None = None
        self.cuda_peak_mb: float | None = None
        run()


def _streaming(
    backend: Backend, clip: np.ndarray, setting: Setting
) -> Callable[[], tuple[float, ...]]:
    """One prediction of a running stream. It returns when each stage was done [s]."""
    ring = [backend.encode(np.ascontiguousarray(clip[:, i]))[0] for i in range(setting.window)]
    turn, order = 0, np.arange(1 - setting.window, 1)

    def now() -> float:
        if backend.device != 'cpu':
            torch.cuda.synchronize(backend.device)
        return time.perf_counter()

    def run() -> tuple[float, float, float]:
        nonlocal turn
        turn = (turn + 1) % setting.window
        frames = np.ascontiguousarray(clip[:, turn])
        newest, features = backend.encode(frames)
        encoded = now()
        ring.append(newest)
        del ring[0]
        predicted = backend.predict(torch.stack(ring, 1), setting.horizon)
        known = now()
        pictures = np.take(clip, order + turn, 1, mode='wrap')  # (B, n, H, W, 3)
        backend.render(predicted, newest, *render_context(backend, features, pictures))
        return encoded, known, now()

    return run


def _stepping(backend: CUDABackend, clip: np.ndarray, setting: Setting) -> _Contender:
    frames = np.ascontiguousarray(clip[:, -1])
    return _Contender(
        backend,
        lambda: backend.step(frames, setting.window, setting.horizon),
        f'{backend.name} {STEP}',
    )


def _take_turns(contenders: list[_Contender], seconds: float, least: int) -> None:
    until, rounds = time.perf_counter() + seconds, 0
    while rounds < least or time.perf_counter() < until:
        for contender in contenders:
            turn = time.perf_counter()
            for i in range(REPETITIONS):
                started = time.perf_counter()
                if i > 1 and started - turn > TURN_SECONDS:
                    break
                done = contender.run()
                ended = time.perf_counter()
                if i:  # at first threads and caches are the other's still
                    contender.times.append((ended - started) * 1e3)
                    if isinstance(done, tuple) and len(done) == 3:
                        contender.stages.append(tuple(np.diff((started, *done)) * 1e3))
        rounds += 1


def _row(
    contender: _Contender,
    naive: _Contender,
    setting: Setting,
    rates: Rates,
    work: Work,
    device: str,
) -> Row:
    backend, median = contender.backend, float(np.median(contender.times))
    row = Row(contender.name, backend.precision, device, backend.threads, **asdict(setting))
    row.ms_median, row.ms_p99 = median, float(np.percentile(contender.times, 99))
    row.fps = setting.horizon * setting.batch / median * 1e3
    row.ratio_to_naive = float(np.median(naive.times)) / median
    row.repetitions = len(contender.times)
    row.resident_mb, row.cuda_peak_mb = contender.resident_mb, contender.cuda_peak_mb
    if contender.stages:
        row.stages = dict(
            zip(('encode', 'predict', 'draw'), (float(t) for t in np.median(contender.stages, 0)))
        )
    row.roofline_percent = 100 * roofline_ms(work, rates, backend.precision) / median
    return row


def default_backends(model: TKN, few: bool = False) -> list[tuple[str, str]]:
    """What `auto` tries and, but for `few`, eager PyTorch in bfloat16."""
    names = [(name, precision or 'float32') for name, precision in candidates(model)]
    if not few and not next(model.parameters()).is_cuda:
        names.append(('eager', 'bfloat16'))
    return names
