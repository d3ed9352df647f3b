"""`tkn evaluate --compare`: two evaluations of the same drives."""

import json

import numpy as np
import pytest

from tkn_ros.cli import main
from tkn_ros.evaluation.drive_compare import compare_results, failures


def write_results(folder, errors, start=0):
    """A drive's result.jsonl with these errors, ten a second."""
    (folder / 'drive').mkdir(parents=True)
    with (folder / 'drive' / 'result.jsonl').open('w') as lines:
        for number, err in enumerate(errors):
            row = {'message': number, 'stamp_ns': start + number * 10**8, 'err': err, 'psnr': None}
            lines.write(json.dumps(row) + '\n')
    return folder


def test_paired_differences_see_what_unpaired_ones_cannot(tmp_path):
    """The drive is hard now and then, far more than A and B differ."""
    rng = np.random.default_rng(0)
    hard = 5 + 4 * np.sin(np.arange(1200) / 30)
    a = write_results(tmp_path / 'a', hard + 0.1 * rng.normal(size=1200))
    b = write_results(tmp_path / 'b', hard - 0.05 + 0.1 * rng.normal(size=1200))
    (found,) = compare_results(a, b)
    assert found.figure == 'err' and found.predictions == 1200 and found.blocks == 24
    assert found.gain == pytest.approx(0.05, abs=0.01)
    assert 0 < found.low < found.gain < found.high < 0.1
    (back,) = compare_results(b, a)
    assert back.gain == pytest.approx(-found.gain)
    assert failures([back], {'err': 0.0}) and not failures([found], {'err': 0.0})
    assert not failures([back], {'err': -0.2})
    (none,) = compare_results(a, a)
    assert (none.gain, none.low, none.high) == (0, 0, 0) and not failures([none], {'err': 0.0})


def test_the_interval_covers_the_truth_as_often_as_it_says(tmp_path):
    """Errors that go together for two seconds, as those of neighbouring predictions do."""
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(60):
        common = np.repeat(rng.normal(size=60), 20)
        a = write_results(tmp_path / f'a{trial}', np.zeros(1200))
        b = write_results(tmp_path / f'b{trial}', common - 0.3)
        (found,) = compare_results(a, b, seed=trial)
        covered += found.low <= 0.3 <= found.high
    assert covered >= 51  # 57 are expected; of independent predictions' intervals about 21


def test_a_failed_limit_is_an_exit_status(tmp_path, capsys):
    a = write_results(tmp_path / 'a', np.full(200, 1.0))
    b = write_results(tmp_path / 'b', np.full(200, 1.5))
    words = ['evaluate', '--compare', str(a), str(b)]
    assert main(words) == 0
    assert main([*words, '--fail-below', 'err=0']) == 3
    assert 'failed: err' in capsys.readouterr().out
    assert main([*words, '--fail-below', 'err=-1']) == 0
    assert main([*words, '--fail-below', 'beauty=0']) == 2
