"""The machine that figures depend on."""

import contextlib
import importlib.metadata
import os
import platform
from typing import Any

import psutil
import torch

from tkn_ros.benchmark.roofline import Rates
from tkn_ros.streaming.select import processor


def describe_machine(rates: Rates, device: str) -> dict[str, Any]:
    """What the figures depend on."""
    cpu = processor('cpu')
    flags: set[str] = set()
    with contextlib.suppress(OSError), open('/proc/cpuinfo') as lines:
        flags.update(*(line.split() for line in lines if line.startswith('flags')))
    cpu += ''.join(f', {f}' for f in ('avx2', 'avx512f', 'avx512_bf16', 'amx_bf16') if f in flags)
    versions: dict[str, str | None] = {
        'python': platform.python_version(),
        'torch': torch.__version__,
    }
    for name in ('openvino', 'onnxruntime'):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
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
