"""How fast and how good each backend is here: `tkn benchmark`.

Everything is measured warm and in turns of a few repetitions each, the naive model of the paper
among them, so that a busy machine slows all alike and the ratios hold. A time is that of a whole
prediction as a stream asks for it: one new frame encoded, the keypoints of the horizon predicted,
all its frames drawn, from bytes to bytes. The naive model encodes the whole window again.
"cuda" is that as `SlidingWindow` asks for it, "cuda step" the same as one recorded graph.
"""

import contextlib
import copy
import gc
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import psutil
import torch

from tkn_ros.benchmark.roofline import Rates, count_work, roofline_ms
from tkn_ros.model.tkn import TKN
from tkn_ros.streaming.backends.base import Backend, BackendError, render_context
from tkn_ros.streaming.select import candidates, make_backend, processor

REPETITIONS = 6  # in a turn; the first is not counted
STEP = 'step'  # after a backend's name: a whole prediction as one recorded graph
TURN_SECONDS = 0.5  # after which a slow one has no further repetitions in its turn


@dataclass(frozen=True)
class Setting:
    """What is predicted: `window` frames in, `horizon` out, for `batch` cameras at once."""

    height: int = 64
    width: int = 64
    window: int = 10
    horizon: int = 20
    batch: int = 1

    def __str__(self) -> str:
        cameras = f', {self.batch} cameras' if self.batch > 1 else ''
        return f'{self.width}x{self.height}, {self.window} -> {self.horizon}{cameras}'


@dataclass
class Row:
    """One backend at one setting. Times in ms; p99 is over all repetitions.

    ratio_to_naive: how many times faster than the naive model in the same run; fps: predicted
    frames a second, of all cameras; psnr_loss_db: against eager float32, on the test clips;
    stages: median of encode, predict, draw; roofline_percent: of the speed that the machine's
    arithmetic and memory would allow in this precision; resident_mb: what the backend added to
    the process; cuda_peak_mb: what it took at most on the GPU, its making included.
    """

    backend: str
    precision: str
    device: str
    threads: int
    height: int
    width: int
    window: int
    horizon: int
    batch: int
    ms_median: float = 0.0
    ms_p99: float = 0.0
    fps: float = 0.0
    ratio_to_naive: float = 0.0
    psnr_db: float | None = None
    ssim: float | None = None
    psnr_loss_db: float | None = None
    roofline_percent: float | None = None
    resident_mb: float | None = None
    cuda_peak_mb: float | None = None
    chosen: bool = False
    repetitions: int = 0
    stages: dict[str, float] = field(default_factory=dict)


class Naive:
    """The paper's own process in eager PyTorch: the whole window encoded for every prediction."""

    name, precision = 'naive', 'float32'

    def __init__(self, model: TKN, device: str):
        self.model, self.device = model, device
        self.threads = torch.get_num_threads() if device == 'cpu' else 0

    @torch.inference_mode()
    def __call__(self, clip: np.ndarray, horizon: int) -> np.ndarray:
        """(B, n, H, W, 3) uint8 -> (B, horizon, H, W, 3) uint8."""
        frames = torch.from_numpy(clip).to(self.device).permute(0, 1, 4, 2, 3).float() / 255
        drawn, _ = self.model(frames, horizon)
        drawn = (drawn.clamp(0, 1) * 255).round().byte().permute(0, 1, 3, 4, 2)
        return drawn.contiguous().cpu().numpy()


def describe_machine(rates: Rates, device: str) -> dict:
    """What the figures depend on."""
    cpu, flags = processor('cpu'), set()
    with contextlib.suppress(OSError), open('/proc/cpuinfo') as lines:
        flags.update(*(line.split() for line in lines if line.startswith('flags')))
    cpu += ''.join(f', {f}' for f in ('avx2', 'avx512f', 'avx512_bf16', 'amx_bf16') if f in flags)
    versions = {'python': platform.python_version(), 'torch': torch.__version__}
    for name in ('openvino', 'onnxruntime'):
        try:
            versions[name] = __import__(name).__version__
        except ImportError:
            versions[name] = None
    return {
        'cpu': cpu,
        'cores': os.cpu_count(),
        'gpu': torch.cuda.get_device_name(device) if device != 'cpu' else None,
        'memory_gb': round(psutil.virtual_memory().total / 2**30, 1),
        'system': platform.system(),
        'versions': versions,
        'gmacs_per_s': {name: round(rate / 1e9, 1) for name, rate in rates.macs.items()},
        'gb_read_per_s': round(rates.bytes_read / 1e9, 1),
        'load_average': os.getloadavg()[0],
    }


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

    The turns go on for `seconds`, but at least `least` times. A backend that cannot be had is
    reported by `say` and left out.
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
        if hasattr(backend, 'step'):
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
    def __init__(self, backend, run: Callable, name: str = ''):
        self.backend, self.run, self.name = backend, run, name or backend.name
        self.times: list[float] = []
        self.stages: list[tuple[float, ...]] = []
        self.resident_mb = self.cuda_peak_mb = None
        run()


def _streaming(backend: Backend, clip: np.ndarray, setting: Setting) -> Callable:
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


def _stepping(backend: Backend, clip: np.ndarray, setting: Setting) -> _Contender:
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
    contender: _Contender, naive: _Contender, setting: Setting, rates: Rates, work, device: str
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


def format_rows(rows: Sequence[Row]) -> str:
    """A table for people; the one that `auto` takes is starred."""
    lines = [
        f'{"backend":24} {"ms":>8} {"p99":>8} {"fps":>8} {"naive/":>7} {"floor":>6} '
        f'{"MB":>6}  encode + predict + draw'
    ]
    for row in rows:
        stages = ' + '.join(f'{t:.2f}' for t in row.stages.values())
        name = f'{row.backend} {row.precision}{" *" if row.chosen else ""}'
        lines.append(
            f'{name:24} {row.ms_median:8.2f} {row.ms_p99:8.2f} {row.fps:8.0f} '
            f'{row.ratio_to_naive:7.2f} {_number(row.roofline_percent, "%"):>6} '
            f'{_number(row.cuda_peak_mb or row.resident_mb):>6}  {stages}'
        )
    return '\n'.join(lines)


def _number(value: float | None, unit: str = '') -> str:
    return '' if value is None else f'{value:.0f}{unit}'
