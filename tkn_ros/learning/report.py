"""How good was it: reads a bag of camera and predictions, measures, and draws.

Works on any bag with these topics, ours or one of `ros2 bag record`. One pass, in bounded memory:
each moment is kept until the future that was predicted from it has been seen.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rosbags.highlevel import AnyReader
from tqdm import tqdm

from tkn_ros.learning.metrics import psnr, ssim
from tkn_ros.video.drawing import caption, draw_paths, fit, rows, side_by_side, strip
from tkn_ros.video.encodings import to_rgb
from tkn_ros.video.frame import VideoError
from tkn_ros.video.writers import VideoWriter, write_gif, write_image

PROTOCOL = ('predicted frames against true ones resized to their size; pixels in [0, 1], data '
            'range 1, Gaussian window 11, RGB; equal frames count as 60 dB; mean over predictions')
PSNR_CAP = 60.0
EVALUATED = 150  # predictions that are measured at most, evenly spread
PANEL_HEIGHT = 300
GIF_SECONDS, GIF_FPS = 6.0, 10.0


@dataclass
class Moment:
    """One camera image and what was predicted from it."""

    stamp: int
    image: np.ndarray
    now: np.ndarray | None = None  # (K, 3) in pixels of `image`
    future: list[np.ndarray] = field(default_factory=list)  # m times (K, 3)
    future_stamps: list[int] = field(default_factory=list)
    frames: dict[int, np.ndarray] = field(default_factory=dict)  # predicted, by future stamp
    hindsight: np.ndarray | None = None  # this moment as predicted by the earliest prediction


@dataclass
class Measured:
    """Figures of one future step, one entry for each prediction."""

    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    psnr_repeat_last: list[float] = field(default_factory=list)
    ssim_repeat_last: list[float] = field(default_factory=list)


def read_moments(bag: Path, camera: str, namespace: str, log: dict) -> Iterator[Moment]:
    """The bag's images in time order, each once all of its predicted future has gone by.

    `log` gains `frames_in`, `stamps_predicted`, `latency_ms` and `first_log`/`last_log`.
    """
    namespace = '/' + namespace.strip('/')
    topics = (camera, f'{namespace}/predicted_keypoints', f'{namespace}/predicted_frames')
    buffer: OrderedDict[int, Moment] = OrderedDict()
    pending: list[tuple[int, np.ndarray]] = []  # frames whose prediction's keypoints are to come
    horizon_ns = 0
    with AnyReader([bag]) as reader:
        connections = [c for c in reader.connections if c.topic in topics]
        missing = set(topics) - {c.topic for c in connections}
        if missing:
            found = ', '.join(sorted({c.topic for c in reader.connections})) or 'nothing'
            raise VideoError(f'{bag}: no {", ".join(sorted(missing))} in it, it holds {found}')
        log['expected'] = sum(c.msgcount for c in connections if c.topic == topics[1])
        total = sum(c.msgcount for c in connections)
        for connection, logged, raw in tqdm(reader.messages(connections), total=total,
                                            desc='report', unit='message', leave=False,
                                            disable=None):
            message = reader.deserialize(raw, connection.msgtype)
            stamp = _ns(message.header.stamp)
            if connection.topic == topics[0]:
                log['frames_in'] += 1
                buffer[stamp] = Moment(stamp, _rgb(message))
            elif connection.topic == topics[1]:
                log['latency_ms'].append((logged - stamp) / 1e6)
                log['stamps_predicted'].append(stamp)
                log.setdefault('first_log', logged)
                log['last_log'] = logged
                if (moment := buffer.get(stamp)) is not None:
                    moment.now = _points(message.observed[-1])
                    moment.future = [_points(f) for f in message.predicted]
                    moment.future_stamps = [_ns(f.stamp) for f in message.predicted]
                    horizon_ns = max(horizon_ns, moment.future_stamps[-1] - stamp)
            else:
                pending.append((stamp, _rgb(message)))
            pending = _assign(pending, buffer)
            while buffer and next(reversed(buffer)) - next(iter(buffer)) > horizon_ns + 10 ** 9:
                yield buffer.pop(next(iter(buffer)))
            _hindsight(buffer)
        yield from buffer.values()


def _assign(pending: list, buffer: OrderedDict[int, Moment]) -> list:
    """Give bursts of predicted frames to the moment that they were predicted from.

    A burst rises in its stamps; the moment is the one whose keypoints name the same first stamp.
    Frames that are older than every prediction in the buffer belong to none and are let go.
    """
    starts = {m.future_stamps[0]: m for m in buffer.values() if m.future_stamps}
    left, burst = [], None
    for stamp, frame in pending:
        if burst is None or stamp not in burst.future_stamps or stamp in burst.frames:
            burst = starts.get(stamp) if not (starts.get(stamp) and starts[stamp].frames) else burst
        if burst is not None and stamp in burst.future_stamps and stamp not in burst.frames:
            burst.frames[stamp] = frame
        else:
            left.append((stamp, frame))
    return left[-1000:]


def _nearest(buffer: dict[int, Moment], stamp: int, tolerance: int) -> Moment | None:
    best = min(buffer, key=lambda s: abs(s - stamp), default=None)
    return buffer[best] if best is not None and abs(best - stamp) <= tolerance else None


def _hindsight(buffer: OrderedDict[int, Moment]) -> None:
    newest = next(reversed(buffer), None)
    if newest is None or buffer[newest].hindsight is not None:
        return
    for moment in buffer.values():  # oldest first: the longest look ahead
        for stamp, frame in moment.frames.items():
            if abs(stamp - newest) * 2 <= _period(moment):
                buffer[newest].hindsight = frame
                return


def _period(moment: Moment) -> int:
    return moment.future_stamps[0] - moment.stamp


def report(bag: str | Path, out: str | Path, camera: str = '/camera/image_raw',
           namespace: str = 'tkn') -> dict:
    """Measure and draw a bag of predictions.

    Writes prediction.mp4, prediction.gif and montage.png into the folder `out` and returns the
    figures: frames_in, predictions, dropped, psnr, ssim, psnr_repeat_last, ssim_repeat_last,
    per_step, latency_ms {p50, p99}, fps, protocol. `dropped` counts the images after the first
    predicted one for which no prediction came. Raises VideoError where the bag lacks the topics
    or holds no prediction.
    """
    bag, out = Path(bag), Path(out)
    log = {'frames_in': 0, 'latency_ms': [], 'stamps_predicted': []}
    steps: list[Measured] = []
    best = (-1.0, None)  # the prediction with most motion, for the montage
    seen: OrderedDict[int, Moment] = OrderedDict()  # finished moments, oldest first
    gif: list[np.ndarray] = []
    stamps: list[int] = []
    with ExitStack() as stack:
        video = None
        for moment in _with_future(read_moments(bag, camera, namespace, log), seen):
            stamps.append(moment.stamp)
            panel = _panel(moment)
            if video is None:
                period = _usual_period(moment, seen)
                video = stack.enter_context(VideoWriter(out / 'prediction.mp4', 1e9 / period))
                gif_every = max(1, round(1e9 / period / GIF_FPS))
                gif_fps = 1e9 / period / gif_every
            video.write(panel)
            if moment.hindsight is not None and len(stamps) % gif_every == 0 \
                    and len(gif) < GIF_SECONDS * gif_fps:
                gif.append(panel)
            every = max(1, log['expected'] // EVALUATED)
            if moment.frames and len(stamps) % every == 0:
                motion, strips = _measure(moment, seen, steps)
                if motion > best[0]:
                    best = (motion, strips)
        if not log['stamps_predicted']:
            raise VideoError(f'{bag}: it holds no prediction; the clip may be shorter than the '
                             'window, or the predictor did not hear the camera')
    write_gif(out / 'prediction.gif', gif or [panel], gif_fps, max_width=640)
    if best[1] is not None:
        write_image(out / 'montage.png', best[1])
    return _summary(log, steps, stamps)


def _with_future(moments: Iterator[Moment], seen: OrderedDict[int, Moment]) -> Iterator[Moment]:
    """Each moment once those of its predicted future are in `seen` too; old ones leave it."""
    queue: OrderedDict[int, Moment] = OrderedDict()
    for moment in moments:
        queue[moment.stamp] = seen[moment.stamp] = moment
        while queue:
            first = next(iter(queue.values()))
            if first.future_stamps and moment.stamp < first.future_stamps[-1]:
                break
            del queue[first.stamp]
            yield first
            while len(seen) > 16 and next(iter(seen)) < first.stamp - 2 * 10 ** 9:
                seen.popitem(last=False)
    yield from queue.values()


def _usual_period(moment: Moment, seen: OrderedDict[int, Moment]) -> float:
    gaps = np.diff(list(seen))
    return float(np.median(gaps)) if len(gaps) else 1e9 / 30


def _panel(moment: Moment) -> np.ndarray:
    """The moment as it was beside the moment as it had been predicted."""
    height, width = moment.image.shape[:2]
    size = (PANEL_HEIGHT, round(PANEL_HEIGHT * width / height))
    actual = fit(moment.image, *size)
    if moment.now is not None:
        actual = draw_paths(moment.image, moment.now, moment.future, size)
    if moment.hindsight is None:
        predicted, text = np.full_like(actual, 24), 'predicted: waiting for the first window'
    else:
        predicted = fit(moment.hindsight, *size)
        ahead = (moment.future_stamps[-1] - moment.stamp) / 1e9 if moment.future_stamps else 0
        text = f'predicted {ahead:.2f} s before' if ahead else 'predicted'
    return side_by_side([caption(actual, 'actual, keypoints and their predicted paths'),
                         caption(predicted, text)])


def _measure(moment: Moment, seen: OrderedDict[int, Moment], steps: list[Measured]):
    """Add one prediction's figures to `steps`; returns how much moved, and its three strips."""
    height, width = next(iter(moment.frames.values())).shape[:2]
    last = fit(moment.image, height, width)
    truth, drawn, motion = [], [], 0.0
    for j, stamp in enumerate(moment.future_stamps):
        actual = _nearest(seen, stamp, _period(moment) // 2)
        frame = moment.frames.get(stamp)
        if actual is None or frame is None:
            continue
        true = fit(actual.image, height, width)
        while len(steps) <= j:
            steps.append(Measured())
        steps[j].psnr.append(min(psnr(frame, true), PSNR_CAP))
        steps[j].ssim.append(ssim(frame, true))
        steps[j].psnr_repeat_last.append(min(psnr(last, true), PSNR_CAP))
        steps[j].ssim_repeat_last.append(ssim(last, true))
        truth.append(actual.image)
        drawn.append(frame)
        motion = float(np.abs(true.astype(float) - last).mean())
    if len(truth) < len(moment.future_stamps):
        return -1.0, None
    before = [m.image for m in seen.values() if m.stamp <= moment.stamp][-len(truth):]
    cell = (96, round(96 * moment.image.shape[1] / moment.image.shape[0]))
    picture = rows([(strip(frames, *cell, 8), text) for frames, text in (
        (before, 'observed, the newest on the right'),
        (truth, 'what came then'),
        (drawn, 'what was predicted'))])
    return motion, picture


def _summary(log: dict, steps: list[Measured], stamps: list[int]) -> dict:
    def mean(values: list[float]) -> float | None:
        return round(float(np.mean(values)), 4) if values else None

    names = ('psnr', 'ssim', 'psnr_repeat_last', 'ssim_repeat_last')
    per_step = [{'step': j + 1, **{name: mean(getattr(step, name)) for name in names}}
                for j, step in enumerate(steps)]
    predicted = set(log['stamps_predicted'])
    seconds = (log['last_log'] - log['first_log']) / 1e9
    count = len(log['stamps_predicted'])
    return {
        'frames_in': log['frames_in'], 'predictions': count,
        'dropped': sum(s not in predicted for s in stamps if s >= min(predicted)),
        **{name: mean([row[name] for row in per_step]) for name in names},
        'per_step': per_step,
        'latency_ms': {f'p{p}': round(float(np.percentile(log['latency_ms'], p)), 2)
                       for p in (50, 99)},
        'fps': round((count - 1) * len(per_step) / seconds, 1) if seconds > 0 else None,
        'evaluated_predictions': len(steps[0].psnr) if steps else 0, 'protocol': PROTOCOL}


def _ns(stamp) -> int:
    return stamp.sec * 10 ** 9 + stamp.nanosec


def _rgb(message) -> np.ndarray:
    return to_rgb(message.encoding, message.height, message.width, message.step,
                  bool(message.is_bigendian), message.data)


def _points(frame) -> np.ndarray:
    return np.array([(k.x, k.y, k.intensity) for k in frame.keypoints])
