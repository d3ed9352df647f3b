"""ONNX Runtime on the CPU, in float32."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.streaming.backends.base import Backend, BackendError, as_backend_error
from tkn_ros.streaming.cache import RunnerCache, shapes_of
from tkn_ros.streaming.graphs import stage_names, to_onnx
from tkn_ros.streaming.kept_graphs import keeping, load_kept

try:
    import onnxruntime
except ImportError:
    onnxruntime = None


def onnxruntime_installed() -> bool:
    """Whether this backend can be had."""
    return onnxruntime is not None


class ONNXRuntimeBackend(Backend):
    """The stages as ONNX graphs, one for every shape of input.

    Args:
        model: the network.
        precision: 'float32', or '' for that.
        threads: of the CPU; 0 for the number that torch uses.
        cache: the folder of `cache_of`, where converted graphs are kept; None: none are.
    """

    name, precision = 'onnxruntime', 'float32'

    def __init__(
        self,
        model: AnyNetwork,
        precision: str = 'float32',
        threads: int = 0,
        cache: Path | None = None,
    ) -> None:
        if onnxruntime is None:
            raise BackendError(
                'backend "onnxruntime" needs the packages onnx and onnxruntime, '
                'which are not installed: pip install onnx onnxruntime, or use '
                'backend "eager"'
            )
        if precision not in ('', 'float32'):
            raise BackendError(f'precision "{precision}": backend "onnxruntime" has float32 only')
        super().__init__(model)
        self.cache, self.threads = cache, threads or torch.get_num_threads()
        self.runners = RunnerCache(self._compile)

    def _run(self, stage: str, *inputs: Tensor) -> list[Tensor]:
        return self.runners(stage, inputs)(*inputs)

    def _compile(self, stage: str, inputs: tuple[Tensor, ...]) -> Callable[..., list[Tensor]]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        # a waiting thread that spins takes the core from the other stages' threads
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        session = self._session(stage, inputs, options)
        names, _ = stage_names(stage, len(inputs))
        used = [(names.index(port.name), port.name) for port in session.get_inputs()]

        def run(*tensors: Tensor) -> list[Tensor]:
            feed = {name: tensors[i].contiguous().numpy() for i, name in used}
            with as_backend_error(self.name, stage):
                return [torch.from_numpy(result) for result in session.run(None, feed)]

        return run

    def _session(self, stage: str, inputs: tuple[Tensor, ...], options: Any) -> Any:
        def load(graph: bytes) -> Any:
            return onnxruntime.InferenceSession(graph, options, providers=['CPUExecutionProvider'])

        kept = self.cache and self.cache / f'{stage}-{shapes_of(inputs)}.onnx'
        found = kept and load_kept(kept, lambda path: load(path.read_bytes()))
        if found:
            return found
        graph = self._graph(stage, inputs)
        with as_backend_error(self.name, stage):
            session = load(graph)
        if kept is not None:
            with keeping(kept) as part:
                part.write_bytes(graph)
        return session

    def _graph(self, stage: str, inputs: tuple[Tensor, ...]) -> bytes:
        try:
            return to_onnx(self.modules[stage], inputs, stage_names(stage, len(inputs)))
        except ImportError:
            raise BackendError(
                'backend "onnxruntime" needs the package onnx to convert the '
                'network: pip install onnx'
            ) from None
