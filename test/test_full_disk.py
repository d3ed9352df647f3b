"""A full disk: what is reported, and what is left. (By a limit on the size of files.)"""

import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from small_models import small_model
from train_help import SETTINGS, steps, write_clips

from tkn_ros.baselines.checkpoints import save_network
from tkn_ros.datasets.find import find_recordings
from tkn_ros.datasets.prepared import prepare
from tkn_ros.datasets.recording import Recording
from tkn_ros.model.checkpoints import load_checkpoint
from tkn_ros.training import run_folder
from tkn_ros.training.config import RunOptions, TrainConfig
from tkn_ros.training.run_folder import RunFolder, SavingError
from tkn_ros.training.stage import Schedule
from tkn_ros.training.stages import detector_stage
from tkn_ros.training.trainer import train
from tkn_ros.video.frame import VideoError
from tkn_ros.video.source import Source

CLIPS = [np.random.default_rng(i).integers(0, 256, (12, 32, 32, 3), np.uint8) for i in range(2)]


@contextmanager
def room_for(size: int):
    """No file may grow beyond so many bytes."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.fixture
def begun(tmp_path):
    """The folder of a run, and what is to be saved in it."""
    model = small_model()
    stage = detector_stage(model.detector, CLIPS, Schedule(2, 1e-3), batch=2, max_gap=3)
    folder = RunFolder(tmp_path / 'run')
    folder.begin({})
    state = {'model': model.state_dict(), 'stage': 0, 'spent': 0.0, 'finished': False}
    list(stage)
    return folder, (model, stage, state, 'test')


@pytest.mark.parametrize('fails', ['state', 'weights'])
def test_the_old_checkpoint_stays(begun, monkeypatch, fails):
    folder, saved = begun
    folder.save(*saved)
    before = contents(folder.path)
    assert len(before['state.pt']) > 4096

    def without_room(*args, **metadata):
        with room_for(4096):
            save_network(*args, **metadata)

    if fails == 'weights':
        monkeypatch.setattr(run_folder, 'save_network', without_room)
    saved[1].step = 3
    with pytest.raises(
        SavingError,
        match='saving failed at detector step 3 .* the checkpoint of '
        'detector step 2 is in .*, intact. Free some space and continue',
    ):
        if fails == 'weights':
            folder.save(*saved)
        else:
            with room_for(4096):
                folder.save(*saved)
    assert contents(folder.path) == before
    load_checkpoint(folder.model)


def test_a_log_without_room_is_not_cut_in_the_middle_of_a_line(begun):
    folder, saved = begun
    folder.log(saved[1], 0.5)
    folder.save(*saved)
    before = (folder.path / 'log.csv').read_bytes()
    for _ in range(20_000):
        folder.log(saved[1], 0.5)
    with (
        room_for((folder.path / 'state.pt').stat().st_size + 4096),
        pytest.raises(SavingError, match='step 2 is in'),
    ):
        folder.save(*saved)
    assert (folder.path / 'log.csv').read_bytes() == before


def test_where_nothing_was_saved_the_message_says_so(begun):
    folder, saved = begun
    with (
        room_for(4096),
        pytest.raises(
            SavingError,
            match='; nothing was saved before. Free some space and start again with --resume$',
        ),
    ):
        folder.save(*saved)
    assert sorted(contents(folder.path)) == ['log.csv', 'run.json']


def test_a_run_does_not_end_for_its_pictures(tmp_path, capsys):
    """Nor for TensorBoard; that is said once."""
    data, out = write_clips(tmp_path / 'clips'), tmp_path / 'run'
    out.mkdir()
    for name in ('pictures', 'tensorboard'):  # where folders should be
        (out / name).write_text('')
    train(TrainConfig(SETTINGS, tuple(data)), out, RunOptions(tmp_path / 'cache', picture_every=0))
    said = capsys.readouterr().err
    assert said.count('no logs for TensorBoard, since ') == 1
    assert said.count(f'no more pictures and logs for TensorBoard: {out} cannot be written') == 1
    assert RunFolder(out).read_state()['finished']


@pytest.mark.filterwarnings('ignore::pytest.PytestUnhandledThreadExceptionWarning')
def test_a_run_does_not_end_for_a_log_of_tensorboard_that_grows_no_more(tmp_path, capsys):
    pytest.importorskip('tensorboard')
    data, size = write_clips(tmp_path / 'clips'), 1 << 20
    with room_for(size):
        train(
            TrainConfig(steps(SETTINGS, 20), tuple(data)),
            tmp_path / 'run',
            RunOptions(tmp_path / 'cache', picture_every=0),
        )
    assert max(p.stat().st_size for p in (tmp_path / 'run/tensorboard').iterdir()) == size
    assert capsys.readouterr().err.count('; the training continues') == 1
    assert RunFolder(tmp_path / 'run').read_state()['finished']


def test_a_clip_that_cannot_be_prepared(tmp_path):
    (path,) = write_clips(tmp_path / 'clips', 1)
    (recording,) = find_recordings(path)
    cache = tmp_path / 'cache'
    with (
        room_for(4096),
        pytest.raises(
            OSError,
            match=rf'^{cache}: the resized frames of .*clip0.npy cannot be kept there '
            r'\(File too large; [\d.]+ MB are free\); free some space or give .*--cache',
        ),
    ):
        prepare(recording, 32, 32, cache)
    assert not cache.exists()
    long = Recording('x' * 5000, recording.open, recording.identity)
    with room_for(4096), pytest.raises(OSError, match='free some space'):  # of the manifest alone
        prepare(long, 4, 4, cache)
    assert not cache.exists()
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='file/cache: .*MB are free.*--cache DIR'):
        prepare(recording, 32, 32, tmp_path / 'file/cache')


def test_a_source_that_cannot_be_read_is_not_taken_for_a_full_disk(tmp_path):
    class Gone(Source):
        fps, height, width = 25.0, 32, 32

        def _read(self):
            yield from ()
            raise PermissionError(13, 'Permission denied')

    with pytest.raises(VideoError, match=r'^gone: cannot be read \(Permission denied\)$'):
        prepare(Recording('gone', lambda: Gone('gone'), {}), 32, 32, tmp_path)
