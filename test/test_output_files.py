"""No result is written over what it was made from, nor over other people's files."""

import os

import pytest
from bags import PredictionBag
from small_models import moving_square, repeat_last_model

from tkn_ros.cli import main
from tkn_ros.model.checkpoints import save_checkpoint
from tkn_ros.output_files import OutputError, check_output_file, check_output_folder, made_folder
from tkn_ros.video.writers import write_image, write_video

FRAMES = 12
PERIOD = 40_000_000


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = moving_square(FRAMES, 48, 64)
    write_video('in.mp4', clip, 25)
    with PredictionBag('in.mcap') as bag:
        for i, image in enumerate(clip):
            bag.image('/camera', 10**9 + i * PERIOD, image)
    for i, image in enumerate(clip):
        write_image(f'pictures/{i}.png', image)
    save_checkpoint('small.safetensors', repeat_last_model())
    return tmp_path


def predict(video: str, out: str, *more: str) -> int:
    usual = ['--weights', 'small.safetensors', '--horizon', '2']
    return main(['predict', video, '-o', out, *usual, *more])


@pytest.mark.parametrize('force', [[], ['--force']])
@pytest.mark.parametrize('name', ['in.mp4', 'in.mcap'])
@pytest.mark.parametrize('how', ['same', 'dotted', 'symlink', 'hard link', 'folder link'])
def test_an_output_that_is_the_input_is_refused(here, capsys, name, how, force):
    before = (here / name).read_bytes()
    out = name
    if how == 'dotted':
        out = f'pictures/../{name}'
    elif how == 'symlink':
        out = f'other.{name[3:]}'
        os.symlink(name, out)
    elif how == 'hard link':
        out = f'other.{name[3:]}'
        os.link(name, out)
    elif how == 'folder link':
        os.symlink(here, 'elsewhere')
        out = f'elsewhere/{name}'
    assert predict(name, out, *force) == 2
    said = capsys.readouterr().err
    assert said == f'tkn: {out}: is read from, as {name}; choose another name to write to\n'
    assert (here / name).read_bytes() == before


def test_a_file_of_an_input_folder_is_an_input(here):
    (here / 'pictures' / 'part.mcap').write_bytes(b'x')
    os.link('pictures/part.mcap', 'outside.mcap')
    for out in ('pictures/part.mcap', 'outside.mcap'):
        with pytest.raises(OutputError, match='is read from, as pictures'):
            check_output_file(out, ['pictures'], force=True)
    with pytest.raises(OutputError, match='is read from'):
        check_output_folder('pictures', ['pictures'], force=True)


def test_the_weights_are_an_input_too(here, capsys):
    os.link('small.safetensors', 'small.mp4')
    assert predict('in.mp4', 'small.mp4', '--force') == 2
    assert 'is read from, as small.safetensors' in capsys.readouterr().err


def test_what_is_there_is_replaced_by_force_only(here, capsys):
    (here / 'thesis.mp4').write_bytes(b'years of work')
    assert predict('in.mp4', 'thesis.mp4') == 2
    assert 'is there already; choose another name, or replace it by --force' in (
        capsys.readouterr().err
    )
    assert (here / 'thesis.mp4').read_bytes() == b'years of work'
    assert predict('in.mp4', 'thesis.mp4', '--force') == 0
    assert (here / 'thesis.mp4').stat().st_size > 1000


@pytest.mark.parametrize(
    'command',
    [
        ['evaluate', '--data', 'in.mp4', '--json', 'kept'],
        ['tables', 'sizes', '--json', 'kept'],
        ['benchmark', '--quick', '--json', 'kept'],
        ['evaluate', '--data', 'in.mp4', '--report', 'full'],
        ['export', '--out', 'full'],
        ['benchmark', '--growth', 'full'],
        ['train', '--data', 'in.mp4', '--out', 'full'],
        ['tables', 'ablations', '--data', 'in.mp4', '--budget', '1', '--out', 'full'],
        ['predict', 'in.mp4', '-o', 'full'],
    ],
)
def test_every_command_asks_before_it_replaces(here, capsys, command):
    (here / 'kept').write_text('mine')
    (here / 'full').mkdir()
    (here / 'full' / 'kept').write_text('mine')
    before = sorted(here.rglob('*'))
    assert main(command) == 2
    assert '--force' in capsys.readouterr().err
    assert sorted(here.rglob('*')) == before
    assert (here / 'kept').read_text() == (here / 'full' / 'kept').read_text() == 'mine'


def test_weights_to_start_from_are_not_trained_over(here, capsys):
    (here / 'run').mkdir()
    os.rename('small.safetensors', 'run/model.safetensors')
    before = (here / 'run/model.safetensors').read_bytes()
    command = ['train', '--data', 'in.mp4', '--init', 'run/model.safetensors', '--out', 'run']
    assert main([*command, '--force', '--steps', '1']) == 2
    assert 'is read from' in capsys.readouterr().err
    assert (here / 'run/model.safetensors').read_bytes() == before


def test_a_failure_leaves_no_folders(here):
    write_image('short/0.png', moving_square(1, 48, 64)[0])
    assert predict('short', 'a/b/c.mp4') == 2
    assert predict('short', 'd/e') == 2
    assert not (here / 'a').exists() and not (here / 'd').exists()
    with pytest.raises(KeyboardInterrupt), made_folder('f/g'):
        raise KeyboardInterrupt
    assert not (here / 'f').exists()


def test_an_absolute_path_by_a_typo_makes_no_folder(here, capsys):
    out = here / 'vidoes' / 'out.mp4'
    assert predict('in.mp4', str(out)) == 2
    assert f'there is no folder {out.parent}; make it' in capsys.readouterr().err
    assert not out.parent.exists()
