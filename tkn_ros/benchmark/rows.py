"""What is measured, and the figures of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

STEP = 'step'  # after a backend's name: a whole prediction as one recorded graph


@dataclass(frozen=True)
class Setting:
    """What is predicted: `window` frames in, `horizon` out, for `batch` cameras at once.

    Attributes:
        height: of the frames [pixel].
        width: of the frames [pixel].
        window: n, frames observed.
        horizon: m, frames to predict.
        batch: B, cameras at once.
    """

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

    Attributes:
        backend: its name.
        precision: of the backend.
        device: 'cpu', 'cuda' or 'cuda:N'.
        threads: of the CPU; 0 for the number that torch uses.
        height: of the frames [pixel].
        width: of the frames [pixel].
        window: n, frames observed.
        horizon: m, frames to predict.
        batch: B, cameras at once.
        ms_median: median time of a prediction [ms].
        ms_p99: its 99th percentile [ms].
        fps: predicted frames a second, of all cameras.
        ratio_to_naive: how many times faster than the naive model in the same run.
        psnr_db: of the test clips [dB].
        ssim: of the test clips, at most 1.
        psnr_loss_db: against eager float32, on the test clips.
        roofline_percent: of the speed that the machine's arithmetic and memory would allow in this
            precision.
        resident_mb: what the backend added to the process.
        cuda_peak_mb: what it took at most on the GPU, its making included.
        chosen: whether `auto` takes it.
        repetitions: how many were measured.
        stages: median of encode, predict, draw.
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


def format_rows(rows: Sequence[Row]) -> str:
    """A table for people; the one that `auto` takes is starred."""
    lines = [
        f'{"backend":24} {"ms":>8} {"p99":>8} {"fps":>8} {"naive/":>7} {"roofline":>8} '
        f'{"MB":>6}  encode + predict + draw'
    ]
    for row in rows:
        stages = ' + '.join(f'{t:.2f}' for t in row.stages.values())
        name = f'{row.backend} {row.precision}{" *" if row.chosen else ""}'
        lines.append(
            f'{name:24} {row.ms_median:8.2f} {row.ms_p99:8.2f} {row.fps:8.0f} '
            f'{row.ratio_to_naive:7.2f} {_number(row.roofline_percent, "%"):>8} '
            f'{_number(row.cuda_peak_mb or row.resident_mb):>6}  {stages}'
        )
    return '\n'.join(lines)


def _number(value: float | None, unit: str = '') -> str:
    return '' if value is None else f'{value:.0f}{unit}'
