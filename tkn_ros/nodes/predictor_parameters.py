"""The predictor's parameters: see config/predict.yaml."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from tkn_ros.video.geometry import check_fit, check_roi
from tkn_ros.video.limits import LARGEST, MAX_PIXELS

EXECUTORS = ('single', 'events')
QUEUE_BYTES = 2**30  # that images on their way may take: two bursts of all steps


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: of the parameter.
        default: value where none is given.
        description: for people.
        low: least value, of numbers.
        high: largest value, of numbers.
        running: whether it may be set while the node is configured.
    """

    name: str
    default: Any
    description: str
    low: float | None = None
    high: float | None = None
    running: bool = False


PARAMETERS = (
    Parameter(
        'window', 0, 'Frames observed for a prediction; 0: as the weights were trained', 0, 256
    ),
    Parameter('horizon', 10, 'Frames predicted', 1, 1000, running=True),
    Parameter(
        'frame_rate',
        0.0,
        "Frames a second in the window and in the prediction [Hz]; 0: the camera's own rate",
        0.0,
        240.0,
    ),
    Parameter('stride', 1, 'Predict at every stride-th image', 1, 10000, running=True),
    Parameter(
        'weights',
        '',
        'Checkpoint (.safetensors); empty: the bundled one. Of a network without keypoints: frames '
        'only',
    ),
    Parameter('device', 'auto', 'auto, cpu, cuda or cuda:N'),
    Parameter(
        'output_size',
        [0, 0],
        'Width and height [pixel] of the predicted frames; '
        "[0, 0]: the model's own size; [-1, -1]: the camera's",
        running=True,
    ),
    Parameter(
        'steps',
        [0],
        'Which predicted frames are drawn and published, 1 to horizon, increasing; [0]: all',
        running=True,
    ),
    Parameter(
        'frames_rate',
        0.0,
        'Predictions a second that are drawn [Hz]; 0: all, as far as there is time',
        0.0,
        240.0,
        running=True,
    ),
    Parameter(
        'roi',
        [0, 0, 0, 0],
        'Region of the image that is looked at: x, y, width, height [pixel]; all 0: the whole',
        running=True,
    ),
    Parameter(
        'fit',
        'stretch',
        "How it becomes the network's shape: stretch, letterbox (black bars) or crop (its middle)",
        running=True,
    ),
    Parameter(
        'image_transport',
        'raw',
        'raw: sensor_msgs/Image; compressed: '
        'sensor_msgs/CompressedImage on the same topic + "/compressed"',
    ),
    Parameter(
        'max_pixels',
        MAX_PIXELS,
        'Pixels that an image may have; a larger one is refused by its header, and counted',
        1,
        LARGEST,
    ),
    Parameter(
        'cameras',
        [''],
        'Several cameras, each "name=topic", or "name" for name/image; outputs are below name. '
        '[""]: one camera on the topic image',
    ),
    Parameter(
        'threads',
        0,
        'CPU threads of the inference; 0: all cores but one, '
        'which the middleware and the other nodes need',
        0,
        256,
    ),
    Parameter(
        'backend',
        'auto',
        'What runs the network: auto (the fastest of a short trial at the first start), eager, '
        'compile, onnxruntime, openvino or cuda',
    ),
    Parameter(
        'executor',
        'single',
        "single: rclpy's SingleThreadedExecutor; events: its EventsExecutor, where it has one "
        '(read at the start)',
    ),
    Parameter('autostart', True, 'Configure and activate at the start, without being asked to'),
)


@dataclass(frozen=True)
class Settings:
    """The parameters' values, checked together; named as they are.

    Attributes:
        output_size: (width, height).
        steps: those drawn, increasing, at least one.
        cameras: (name, topic) of each; the name is '' for one camera alone.
    """

    window: int
    horizon: int
    frame_rate: float
    stride: int
    weights: str
    device: str
    output_size: tuple[int, int]
    steps: tuple[int, ...]
    frames_rate: float
    roi: tuple[int, int, int, int]
    fit: str
    image_transport: str
    max_pixels: int
    cameras: tuple[tuple[str, str], ...]
    threads: int
    backend: str
    executor: str
    autostart: bool

    def size_for(self, camera: tuple[int, int]) -> tuple[int, int] | None:
        """(height, width) of drawn frames; None for the network's own.

        camera: (height, width) of its images.
        """
        width, height = self.output_size
        if width < 0:
            return camera
        return (height, width) if width else None

    def check_memory(self, size: tuple[int, int] | None) -> None:
        """ValueError where frames of this size would take more than QUEUE_BYTES."""
        height, width = size or (0, 0)
        needed = 2 * len(self.steps) * height * width * 3
        if needed > QUEUE_BYTES:
            raise ValueError(
                f'{len(self.steps)} predicted frames of {width}x{height} pixels need '
                f'{needed / 2**30:.1f} GiB on their way to subscribers, and '
                f'{QUEUE_BYTES / 2**30:.0f} GiB is the most: name fewer steps, or choose a smaller '
                'horizon or output_size'
            )


def declare_parameters(node: Node) -> None:
    """Declare them on the node; what is out of its range raises an error of rclpy's."""
    for p in PARAMETERS:
        when = '' if p.running else ' (fixed while the node is configured)'
        descriptor = ParameterDescriptor(description=p.description + when)
        if p.low is not None and isinstance(p.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=p.low, to_value=p.high)
            ]
        elif p.low is not None:
            low, high = int(p.low), int(p.high or 0)
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
        node.declare_parameter(p.name, p.default, descriptor)


def current_values(node: Node) -> dict[str, Any]:
    """What the node's parameters are now."""
    return {p.name: node.get_parameter(p.name).value for p in PARAMETERS}


def check(values: dict[str, Any]) -> Settings:
    """The settings that these values make together; ValueError for what cannot be used."""
    values = dict(values)
    transport = values['image_transport']
    if transport not in ('raw', 'compressed'):
        raise ValueError(f'image_transport is "{transport}", expected "raw" or "compressed"')
    if values['executor'] not in EXECUTORS:
        raise ValueError(f'executor is "{values["executor"]}", expected one of {EXECUTORS}')
    values['roi'], values['fit'] = check_roi(values['roi']), check_fit(values['fit'])
    values['output_size'] = _output_size(values['output_size'])
    values['steps'] = _steps(list(values['steps'] or []), values['horizon'])
    values['cameras'] = _cameras(list(values['cameras'] or []))
    settings = Settings(**values)
    settings.check_memory(settings.size_for((0, 0)))  # the camera's own size is not known here
    return settings


def _output_size(value: Sequence[int]) -> tuple[int, int]:
    size = tuple(value)
    if size in ((0, 0), (-1, -1)) or (len(size) == 2 and all(8 <= s <= 4096 for s in size)):
        return size[0], size[1]
    raise ValueError(
        f'output_size is {list(size)}, expected [width, height] of 8 to 4096 pixels '
        "each, [0, 0] for the model's own size or [-1, -1] for the camera's"
    )


def _steps(steps: list[int], horizon: int) -> tuple[int, ...]:
    if steps in ([], [0]):
        return tuple(range(1, horizon + 1))
    if sorted(set(steps)) == steps and steps[0] >= 1 and steps[-1] <= horizon:
        return tuple(steps)
    raise ValueError(
        f'steps is {steps}, expected increasing numbers of 1 to {horizon} (the horizon), or [0] '
        'for all'
    )


def _cameras(texts: list[str]) -> tuple[tuple[str, str], ...]:
    if texts in ([], ['']):
        return (('', 'image'),)
    found = []
    for text in texts:
        name, _, topic = text.partition('=')
        if not name.replace('_', 'a').isalnum() or name[0].isdigit():
            raise ValueError(
                f'cameras has "{text}", expected "name=topic" with a name of letters, digits '
                'and underscores, for example "front=/front/image_raw"'
            )
        found.append((name, topic or f'{name}/image'))
    names = [name for name, _ in found]
    if len(set(names)) < len(names):
        raise ValueError(f'cameras is {texts}: each needs a name of its own')
    return tuple(found)
