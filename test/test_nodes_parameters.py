"""Bad parameters end the predictor with one line that names them."""

import subprocess
import sys

import pytest
import torch
from ros_rig import ros_or_skip, run_to_end
from small_models import small_config

from tkn_ros.model.checkpoints import save_checkpoint
from tkn_ros.model.predictor import PredictorConfig
from tkn_ros.model.tkn import TKN, TKNConfig

ros_or_skip()


def ends_with_one_line(**parameters):
    ended = run_to_end('predictor', {'__ns': '/bad'}, **parameters)
    assert ended.returncode == 1, ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stdout == ''
    assert ended.stderr.startswith('predictor: ')
    return ended.stderr


@pytest.mark.parametrize(
    ('parameters', 'said'),
    [
        ({'weights': 'no/such.safetensors'}, ['no/such.safetensors', 'do not exist', 'give a']),
        ({'weights': __file__}, [__file__, 'cannot be read as safetensors']),
        ({'image_transport': 'theora'}, ['image_transport is "theora"', '"compressed"']),
        (
            {'output_size': [4, 99999]},
            ['output_size is [4, 99999]', '8 to 4096', '[width, height]'],
        ),
        ({'horizon': 0}, ['horizon', '0']),
        ({'frame_rate': 1e6}, ['frame_rate', '1000000']),
    ],
)
def test_bad_parameters(parameters, said):
    line = ends_with_one_line(**parameters)
    assert all(part in line for part in said), line


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU here')
def test_a_gpu_that_is_not_there():
    line = ends_with_one_line(device='cuda')
    assert 'device "cuda"' in line and 'pytorch.org' in line


def test_weights_that_are_cut_off(tmp_path, tiny_weights):
    whole = tiny_weights.read_bytes()
    (tmp_path / 'half.safetensors').write_bytes(whole[: len(whole) // 2])
    line = ends_with_one_line(weights=tmp_path / 'half.safetensors')
    assert 'half.safetensors' in line and 'truncated' in line


def test_weights_that_need_another_window(tmp_path):
    """The MLP's layers are made for one length of the window."""
    detector = small_config().detector
    predictor = PredictorConfig(
        keypoints=detector.keypoints, d_model=16, d_inner=16, d_token=8, kind='mlp', window=4
    )
    model = TKN(TKNConfig(detector, predictor, window=4, height=32, width=32))
    save_checkpoint(tmp_path / 'mlp.safetensors', model.eval())
    line = ends_with_one_line(weights=tmp_path / 'mlp.safetensors', window=7)
    assert 'window' in line and '4' in line and '7' in line


def test_a_running_node_imports_nothing_of_training_and_evaluation(tmp_path):
    code = 'import sys, tkn_ros.nodes.predictor_node; print(*sys.modules)'
    found = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout.split()  # not the source folder, without messages
    higher = ('training', 'evaluation', 'benchmark', 'paper', 'commands', 'datasets', 'synthetic')
    assert not [m for m in found if m.startswith(tuple(f'tkn_ros.{name}' for name in higher))]
