"""The predictor's parameters: see config/predict.yaml."""

from dataclasses import dataclass

from rclpy.node import Node

from tkn_ros.nodes.parameters import declare


@dataclass(frozen=True)
class PredictorParameters:
    """Values at the start; `horizon` and `stride` may be changed at run time.

    Attributes:
        window: frames observed; 0: as the weights were trained.
        horizon: frames predicted.
        frame_rate: of the window and the prediction [Hz]; 0: the camera's own.
        stride: a prediction at every stride-th image.
        weights: a checkpoint; empty: the bundled one.
        device: auto, cpu, cuda or cuda:N.
        output_size: (width, height) of predicted frames [pixel]; (0, 0): the model's own;
            (-1, -1): the camera's.
        image_transport: raw or compressed.
        threads: of the CPU; 0: all cores but one.
        backend: what runs the network.
    """

    window: int
    horizon: int
    frame_rate: float
    stride: int
    weights: str
    device: str
    output_size: tuple[int, int]
    image_transport: str
    threads: int
    backend: str


def declare_parameters(node: Node) -> PredictorParameters:
    """Declare them on the node; ValueError for a value that cannot be used."""
    window = declare(
        node,
        'window',
        0,
        'Frames observed for a prediction; 0: as the weights were trained',
        0,
        256,
    )
    horizon = declare(node, 'horizon', 10, 'Frames predicted', 1, 1000, read_only=False)
    frame_rate = declare(
        node,
        'frame_rate',
        0.0,
        "Frames a second in the window and in the prediction [Hz]; 0: the camera's own rate",
        0.0,
        240.0,
    )
    stride = declare(
        node, 'stride', 1, 'Predict at every stride-th image', 1, 10000, read_only=False
    )
    weights = declare(node, 'weights', '', 'Checkpoint (.safetensors); empty: the bundled one')
    device = declare(node, 'device', 'auto', 'auto, cpu, cuda or cuda:N')
    output_size = _output_size(
        declare(
            node,
            'output_size',
            [0, 0],
            'Width and height [pixel] of the predicted frames; '
            "[0, 0]: the model's own size; [-1, -1]: the camera's",
        )
    )
    image_transport = declare(
        node,
        'image_transport',
        'raw',
        'raw: sensor_msgs/Image; compressed: '
        'sensor_msgs/CompressedImage on the same topic + "/compressed"',
    )
    threads = declare(
        node,
        'threads',
        0,
        'CPU threads of the inference; 0: all cores but one, '
        'which the middleware and the other nodes need',
        0,
        256,
    )
    backend = declare(
        node,
        'backend',
        'auto',
        'What runs the network: auto (the fastest of a '
        'short trial at the first start), eager, compile, onnxruntime, openvino '
        'or cuda',
    )
    if image_transport not in ('raw', 'compressed'):
        raise ValueError(f'image_transport is "{image_transport}", expected "raw" or "compressed"')
    return PredictorParameters(
        window,
        horizon,
        frame_rate,
        stride,
        weights,
        device,
        output_size,
        image_transport,
        threads,
        backend,
    )


def _output_size(value) -> tuple[int, int]:
    size = tuple(value)
    if size in ((0, 0), (-1, -1)) or (len(size) == 2 and all(8 <= s <= 4096 for s in size)):
        return size
    raise ValueError(
        f'output_size is {list(size)}, expected [width, height] of 8 to 4096 pixels '
        "each, [0, 0] for the model's own size or [-1, -1] for the camera's"
    )
