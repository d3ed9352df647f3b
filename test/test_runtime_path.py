"""What a running node may do: no pickles, no eval, no shell, no network of its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tkn_ros.model

PACKAGE = Path(tkn_ros.model.__file__).parents[1]
RUNTIME = ('model', 'video', 'streaming', 'nodes', 'warning')
FORBIDDEN_MODULES = {
    'pickle',
    'cPickle',
    'dill',
    'marshal',
    'shelve',
    'subprocess',
    'socket',
    'ssl',
    'http',
    'urllib',
    'requests',
    'ftplib',
    'smtplib',
    'xmlrpc',
    'code',
    'runpy',
}
FORBIDDEN_CALLS = {'eval', 'exec', 'compile', '__import__', 'system', 'popen'}
# modules that are asked for by somebody who runs them, and no part of a running predictor
TOOLS = {'nodes/loopback.py', 'nodes/evaluator_node.py'}
SOURCES = sorted(
    path
    for folder in RUNTIME
    for path in (PACKAGE / folder).rglob('*.py')
    if path.relative_to(PACKAGE).as_posix() not in TOOLS
)


def imported(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split('.')[0])
    return found


def called(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = [getattr(c.func, 'id', '') or _attribute(c.func) for c in calls]
    return list(zip(names, calls))


def _attribute(function: ast.expr) -> str:
    """The name of a function of os only: `model.eval()` is another thing, and so is re.compile."""
    of_os = isinstance(function, ast.Attribute) and getattr(function.value, 'id', '') == 'os'
    return function.attr if of_os else ''


def test_there_are_sources():
    assert len(SOURCES) > 60


@pytest.mark.parametrize('path', SOURCES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_no_module_of_the_runtime_path_can(path):
    tree = ast.parse(path.read_text())
    assert not imported(tree) & FORBIDDEN_MODULES
    assert not {name for name, _ in called(tree)} & FORBIDDEN_CALLS


@pytest.mark.parametrize('path', sorted(PACKAGE.rglob('*.py')), ids=lambda p: p.stem)
def test_nothing_is_unpickled_anywhere(path):
    """torch.load and numpy.load have arguments that would."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, arguments = (
            getattr(node.func.value, 'id', ''),
            {k.arg: k.value for k in node.keywords},
        )
        if (owner, node.func.attr) == ('torch', 'load'):
            assert ast.unparse(arguments['weights_only']) == 'True'
        assert 'allow_pickle' not in arguments


WITHOUT_NETWORK = """
import os, sys
import numpy as np
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.streaming.backends.eager import EagerBackend
from tkn_ros.streaming.backends.onnxruntime import ONNXRuntimeBackend
from tkn_ros.streaming.backends.openvino import OpenVINOBackend
from tkn_ros.streaming.make_window import make_window

def forbid(event, arguments):
    if event in ('socket.connect', 'socket.getaddrinfo', 'os.fork', 'subprocess.Popen'):
        print(event, arguments, file=sys.stderr)
        os._exit(3)

model = load_checkpoint()
sys.addaudithook(forbid)
window = make_window(model, 0, 40_000_000, BACKEND(model))
rng = np.random.default_rng(0)
for i in range(model.config.window):
    window.push(i * 40_000_000, rng.integers(0, 255, (96, 128, 3), np.uint8))
prediction = window.predict(2)
print(window.render(prediction).shape)
"""


@pytest.mark.parametrize('backend', ['EagerBackend', 'ONNXRuntimeBackend', 'OpenVINOBackend'])
def test_a_prediction_connects_to_nothing_and_forks_nothing(backend):
    """Nor do the converters, of which one sends statistics unless that is switched off."""
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT_NETWORK.replace('BACKEND', backend)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.strip()) == (0, '(2, 64, 64, 3)'), done.stderr
