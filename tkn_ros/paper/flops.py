"""How large and how costly a network is: parameters and multiply-accumulates, by kept counters.

Everything runs on torch's meta device: shapes only, no memory and no arithmetic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Size:
    """Parameters in millions, multiply-accumulates of one pass in 1e9 by two ways of counting.

    Attributes:
        params_m: parameters, in millions.
        gmacs_thop: multiply-accumulates as the paper counted [1e9].
        gmacs_true: multiply-accumulates that are made [1e9].
    """

    params_m: float
    gmacs_thop: float
    gmacs_true: float


def measure_size(build: Callable[[], nn.Module], input_shape: tuple[int, ...], *args: Any) -> Size:
    """Measure the module that `build` returns for one call with zeros of `input_shape` and `args`.

    gmacs_thop counts as the paper did, with the thop package: a transposed convolution as if it
    were a convolution at its output's size, norms of nn.LayerNorm a little, and nothing that is no
    nn.Module (softmax(QK)V and its two products, interpolation). gmacs_true counts every product of
    convolutions and matrices as it happens (torch.utils.flop_counter, two flops to one
    multiply-accumulate), and nothing else.

    Raises OSError with the fix where thop is not installed.
    """
    with torch.device('meta'):
        module, x = build().eval(), torch.zeros(input_shape)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module(x, *args)
    params = sum(p.numel() for p in module.parameters())
    return Size(params / 1e6, _thop_macs(module, x, args) / 1e9, counter.get_total_flops() / 2e9)


def _thop_macs(module: nn.Module, x: Tensor, args: tuple[Any, ...]) -> float:
    try:
        import thop  # here, since only the tables of sizes need it
    except ImportError as error:
        raise OSError(
            f"the package thop cannot be imported ({error}), and the paper's way of "
            'counting needs it: pip install thop setuptools'
        ) from None
    with torch.no_grad():
        return thop.profile(module, (x, *args), verbose=False)[0]
