"""OpenVINO: on CPUs that have bfloat16 the fastest of all by far."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.streaming.backends.base import Backend, BackendError, as_backend_error
from tkn_ros.streaming.backends.signal_stack import signal_stack_kept
from tkn_ros.streaming.cache import RunnerCache, shapes_of
from tkn_ros.streaming.graphs import import_openvino, stage_names, to_openvino, weights_to_int8
from tkn_ros.streaming.kept_graphs import keeping, load_kept

try:
    openvino = import_openvino()
except ImportError:
    openvino = None

# With its weights in 8 bits, the predictor's inputs are rounded to 8 bits in runs of so many.
INT8_RUN = 128


def openvino_core() -> Any:
    """An `openvino.Core` whose CPU plugin is loaded."""
    with signal_stack_kept():
        core = openvino.Core()
        core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    return core


def openvino_precisions() -> list[str]:
    """What this CPU computes in, usually the fastest first; [] without OpenVINO."""
    if openvino is None:
        return []
    can = openvino_core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
    if 'BF16' in can:
        return ['int8+bfloat16', 'int8', 'bfloat16', 'float32']
    return ['int8', 'float32']


class OpenVINOBackend(Backend):
    """The stages as OpenVINO graphs, one for every shape of input.

    Where the decoder draws a *change*, a small difference of two large numbers, bfloat16 shows.

    Args:
        model: the network.
        precision: 'float32'; 'int8' (the predictor's products in 8 bits, all else in float32);
            'bfloat16' (predictor and decoder; camera frames are encoded in float32 at any
            precision); 'int8+bfloat16' (the predictor in 8 bits, the decoder in bfloat16); or ''
            for 'int8'.
        threads: of the CPU; 0 for the number that torch uses.
        cache: the folder of `cache_of`, where converted graphs are kept; None: none are.
    """

    name = 'openvino'

    def __init__(
        self, model: AnyNetwork, precision: str = '', threads: int = 0, cache: Path | None = None
    ) -> None:
        if openvino is None:
            raise BackendError(
                'backend "openvino" needs the package openvino, which is not '
                'installed: pip install openvino, or use backend "eager"'
            )
        can = openvino_precisions()
        precision = precision or 'int8'
        if precision not in can:
            raise BackendError(
                f'precision "{precision}": backend "openvino" has {", ".join(can)} on this CPU'
            )
        self._int8 = precision.startswith('int8')
        half = {
            'predict': precision == 'bfloat16' or self._int8,
            'draw': precision.endswith('bfloat16'),
            'detect': precision.endswith('bfloat16'),
            'frames': precision.endswith('bfloat16'),
        }
        self._half = {stage for stage in half if half[stage] and 'bfloat16' in can}
        super().__init__(model, shuffle=True, channel_norm=True)
        self.precision, self.cache = precision, cache
        self.threads = threads or torch.get_num_threads()
        self.runners = RunnerCache(self._compile)

    def _run(self, stage: str, *inputs: Tensor) -> list[Tensor]:
        return self.runners(stage, inputs)(*inputs)

    def _compile(self, stage: str, inputs: tuple[Tensor, ...]) -> Callable[..., list[Tensor]]:
        settings = {
            'INFERENCE_PRECISION_HINT': 'bf16' if stage in self._half else 'f32',
            'INFERENCE_NUM_THREADS': self.threads,
            'PERFORMANCE_HINT': 'LATENCY',
        }
        if stage == 'predict' and self._int8:
            settings['DYNAMIC_QUANTIZATION_GROUP_SIZE'] = INT8_RUN
        places, request, results = self._request(stage, inputs, settings)

        def run(*tensors: Tensor) -> list[Tensor]:
            for i, place in places:
                np.copyto(place, tensors[i].numpy())
            with as_backend_error(self.name, stage):
                request.infer()
            return [torch.from_numpy(result.copy()) for result in results]

        return run

    def _request(
        self, stage: str, inputs: tuple[Tensor, ...], settings: dict[str, Any]
    ) -> tuple[list[tuple[int, np.ndarray]], Any, list[np.ndarray]]:
        """The graph ready to run: converted now (about a second), or as it was kept."""
        core, (names, outputs) = openvino_core(), stage_names(stage, len(inputs))

        def load(graph: Any) -> tuple[list[tuple[int, np.ndarray]], Any, list[np.ndarray]]:
            compiled = core.compile_model(graph, 'CPU', settings)
            request = compiled.create_infer_request()
            # copies, because memory that OpenVINO has just used is in the CPU's cache
            places = [
                (
                    next(names.index(name) for name in port.get_names() if name in names),
                    request.get_tensor(port).data,
                )
                for port in compiled.inputs
            ]
            return places, request, [request.get_tensor(port).data for port in compiled.outputs]

        variant = '-int8' if stage == 'predict' and self._int8 else ''
        version = openvino.__version__.split('-')[0]
        kept = self.cache and (
            self.cache / f'{stage}-{shapes_of(inputs)}{variant}-openvino-{version}.xml'
        )
        found = kept and load_kept(kept, lambda path: load(core.read_model(path)))
        if found:
            return found
        with as_backend_error(self.name, stage):
            graph = to_openvino(self.modules[stage], inputs, (names, outputs))
            if variant:
                weights_to_int8(graph)
            ready = load(graph)
        if kept is not None:
            with keeping(kept) as part:
                openvino.save_model(graph, part, compress_to_fp16=False)
        return ready
