"""Blocks as large as pictures are used again once the predictor has said so."""

import ctypes
import subprocess
import sys

import pytest

CODE = """
import resource
import numpy as np
from tkn_ros.nodes.heap import give_back, keep_freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.concatenate([np.ones(900_000, np.uint8) for _ in range(4)])
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20

def resident():
    return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize() / 2**20

faults()
first = faults()
keep_freed()
faults()
second, kept = faults(), resident()
give_back()
print(first, second, kept - resident())
"""


@pytest.mark.skipif(
    not sys.platform.startswith('linux') or not hasattr(ctypes.CDLL(None), 'mallopt'),
    reason='no glibc',
)
def test_freed_blocks_are_used_again_until_they_are_given_back():
    done = subprocess.run([sys.executable, '-c', CODE], capture_output=True, text=True, cwd='/')
    assert done.returncode == 0, done.stderr
    first, second, given_back = map(float, done.stdout.split())
    assert first > 500 and second < 5, done.stdout
    assert given_back > 5, done.stdout
