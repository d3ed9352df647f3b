"""An NVIDIA GPU: half precision, channels innermost, everything recorded into CUDA graphs.

A prediction is some two hundred small kernels, and starting one from Python takes longer than it
runs. A CUDA graph starts them all at once. It wants its inputs and outputs at fixed addresses, so
each has a static buffer; pictures go through pinned memory, copied on a stream of their own.

Made for device 'cpu' it runs the same code without recording it, for tests.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tkn_ros.baselines.networks import AnyNetwork
from tkn_ros.model.predictor import rollout
from tkn_ros.streaming.backends.base import Backend, BackendError, as_list
from tkn_ros.streaming.cache import RunnerCache
from tkn_ros.streaming.stages import next_window, source_and_mean, to_half

_Key = tuple[tuple[int, ...], int, int]  # shape of the frames, window, horizon

PRECISIONS = ('float16', 'bfloat16', 'float32')


class CUDABackend(Backend):
    """The stages recorded into CUDA graphs.

    Args:
        model: the network.
        precision: 'float16', 'bfloat16' (encoder, predictor, decoder; never the coordinates) or
            'float32'.
        device: 'cuda', 'cuda:N', or 'cpu' to run the same code without recording it.
        compiled: kernels fused by torch.compile, which takes a minute for every new shape; the
            backend's name is then 'compile'.
    """

    threads = 0

    def __init__(
        self,
        model: AnyNetwork,
        precision: str = 'float16',
        device: str = 'cuda',
        compiled: bool = False,
    ) -> None:
        if device != 'cpu' and not torch.cuda.is_available():
            raise BackendError(
                'backend "cuda" needs an NVIDIA GPU and a CUDA build of PyTorch '
                '(pytorch.org, "Get started"); use backend "auto"'
            )
        if precision not in PRECISIONS:
            raise BackendError(
                f'precision "{precision}": backend "cuda" has {", ".join(PRECISIONS)}'
            )
        super().__init__(model)
        if device == 'cuda':  # by number, so that streams are not those of another current GPU
            device = f'cuda:{torch.cuda.current_device()}'
        self.name = 'compile' if compiled else 'cuda'
        self.precision, self.device = precision, device
        for stage, module in self.modules.items():
            volumes = any(p.dim() == 5 for p in module.parameters())  # of 3D convolutions
            # `Module.to` takes it, but its stub does not say so
            layout: dict[str, Any] = {} if volumes else {'memory_format': torch.channels_last}
            module.to(device=device, **layout)
            to_half(module, getattr(torch, precision))
            if compiled:
                self.stages[stage] = torch.compile(
                    module, dynamic=False, mode='max-autotune-no-cudagraphs'
                )
        self._stream = None if device == 'cpu' else torch.cuda.Stream(device)
        self._steps: dict[_Key, _Recorded] = {}
        self._rings: dict[_Key, list[Tensor]] = {}
        self.runners = RunnerCache(self._record)

    def _run(self, stage: str, *inputs: Tensor) -> list[Tensor]:
        return [result.clone() for result in self.runners(stage, inputs)(*inputs)]

    def _record(self, stage: str, inputs: tuple[Tensor, ...]) -> '_Recorded':
        def call(*tensors: Tensor) -> list[Tensor]:
            return as_list(self.stages[stage](*tensors))

        return _Recorded(call, inputs, self.device, self._stream)

    @torch.inference_mode()
    def step(self, frames: np.ndarray, window: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        """A whole prediction as one graph, for cameras whose frames come in even time.

        Returns frames (B, horizon, H, W, 3) uint8 and keypoints (B, horizon, K, 3) float32, which
        the next step overwrites.

        Args:
            frames: the newest of each camera, (B, H, W, 3) uint8. Its keypoints join a ring on the
                GPU that holds the last `window` ones (at first all those of the first frame), as do
                the frames where the background goes on.
            window: n, frames observed.
            horizon: m, frames to predict.
        """
        key = (frames.shape, window, horizon)
        if key not in self._steps:
            self._start(key, frames, window, horizon)
        drawn, predicted = self._steps[key](torch.from_numpy(frames))
        return drawn.numpy(), predicted.numpy()

    def forget(self) -> None:
        """Empty the rings of `step`."""
        self._steps.clear()
        self._rings.clear()

    def _start(self, key: _Key, frames: np.ndarray, window: int, horizon: int) -> None:
        first = torch.from_numpy(frames)
        keypoints = self._run('encode', first)[0]
        ring = keypoints[:, None].repeat(1, window, 1, 1)  # (B, n, K, 3)
        pictures = first.to(self.device)[:, None].repeat(1, window, 1, 1, 1)  # (B, n, H, W, 3)

        def call(batch: Tensor) -> list[Tensor]:
            newest, *features = self.stages['encode'](batch)
            ring.copy_(torch.cat([ring[:, 1:], newest[:, None]], 1))
            source = batch
            if 'background' in self.stages:
                pictures.copy_(torch.cat([pictures[:, 1:], batch[:, None]], 1))
                source = source_and_mean(pictures)
                features.append(self.stages['background'](pictures))
            predict = next_window(self.stages['predict'], self.residual)
            predicted = rollout(predict, ring, horizon)
            return [self.stages['draw'](predicted, newest, source, *features), predicted]

        recorded = _Recorded(call, (first,), self.device, self._stream, to_host=True)
        ring.copy_(keypoints[:, None].expand_as(ring))  # recording has run it some times
        pictures.copy_(first[:, None].expand_as(pictures))
        self._rings[key], self._steps[key] = [ring, pictures], recorded


def fastest_kernels() -> AbstractContextManager[None]:
    """A context in which cuDNN tries its kernels and takes the fastest."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=True)


class _Recorded:
    """A function of tensors as a CUDA graph with static buffers; a plain call on the CPU.

    to_host: the results come in pinned memory on the host, ready to be read.
    """

    def __init__(
        self,
        function: Callable[..., list[Tensor]],
        inputs: tuple[Tensor, ...],
        device: str,
        stream: torch.cuda.Stream | None,
        to_host: bool = False,
    ) -> None:
        self.function, self.stream, self.to_host = function, stream, to_host
        if stream is None:
            return
        self.done = torch.cuda.Event()
        self.inputs = [torch.empty_like(t, device=device) for t in inputs]
        # frames come from the host; what is on the GPU already is copied there
        self.pinned = [None if t.is_cuda else torch.empty_like(t).pin_memory() for t in inputs]
        for t, place in zip(inputs, self.inputs):
            place.copy_(t)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.device(device), fastest_kernels():
            self._capture(stream)

    def _capture(self, stream: torch.cuda.Stream) -> None:
        function = self.function
        with torch.cuda.stream(stream):
            for _ in range(3):  # libraries choose their kernels and allocate before it counts
                results = function(*self.inputs)
        stream.synchronize()
        self.results = [  # on the host, where they are wanted there
            torch.empty_like(r, device='cpu').pin_memory() for r in results if self.to_host
        ]
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=stream):
            for place, pinned in zip(self.inputs, self.pinned):
                if pinned is not None:
                    place.copy_(pinned, non_blocking=True)
            self.outputs = function(*self.inputs)
            for result, output in zip(self.results, self.outputs):
                result.copy_(output, non_blocking=True)

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        if self.stream is None:
            return self.function(*inputs)
        self.stream.wait_stream(torch.cuda.current_stream(self.stream.device))
        with torch.cuda.stream(self.stream):
            for t, place, pinned in zip(inputs, self.inputs, self.pinned):
                if pinned is None:
                    place.copy_(t, non_blocking=True)
                else:
                    self.done.synchronize()  # the last run may be reading it still
                    pinned.copy_(t)
            self.graph.replay()
            self.done.record(self.stream)
        if self.to_host:
            self.stream.synchronize()
            return self.results
        torch.cuda.current_stream(self.stream.device).wait_stream(self.stream)
        return self.outputs
