"""What is packed, and that each fact about the package stands in one place or in agreement."""

import importlib.util
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from configparser import ConfigParser
from pathlib import Path

import pytest

from tkn_ros.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
PARTS = ('.ci', 'benchmarks', 'config', 'docs', 'launch', 'msg', 'test', 'tkn_ros')

pytest.importorskip('setuptools')


def setup_py(*arguments) -> str:
    """Run setup.py and return what it printed; warnings about old forms do not count."""
    done = subprocess.run(
        [sys.executable, 'setup.py', '-q', *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_below(folder: Path) -> set[str]:
    """All files as paths relative to ROOT, without what Python and tools leave there."""
    return {
        str(p.relative_to(ROOT))
        for p in folder.rglob('*')
        if p.is_file() and '__pycache__' not in p.parts and p.suffix != '.pyc'
    }


@pytest.fixture(scope='module')
def packed(tmp_path_factory):
    """The files of a source distribution and the folder of the metadata."""
    folder = tmp_path_factory.mktemp('metadata')
    setup_py('egg_info', '--egg-base', folder)
    info = folder / 'tkn_ros.egg-info'
    return set((info / 'SOURCES.txt').read_text().split('\n')), info


def test_a_source_distribution_has_all_that_builds_tests_and_explains_it(packed):
    files, _ = packed
    expected = {
        'CHANGELOG.rst',
        'CITATION.cff',
        'CMakeLists.txt',
        'CONTRIBUTING.md',
        'LICENSE',
        'MANIFEST.in',
        'Makefile',
        'README.md',
        'SECURITY.md',
        'package.xml',
        'pyproject.toml',
        'requirements.txt',
        'requirements-dev.txt',
        'requirements-ros.txt',
        'setup.cfg',
        'setup.py',
        'constraints.txt',
        '.pre-commit-config.yaml',
    }
    expected = expected.union(*(files_below(ROOT / part) for part in PARTS))
    assert expected - files == set()
    assert not [f for f in files if f.endswith('.pyc') or '__pycache__' in f or '.venv' in f]


def test_a_wheel_has_every_module_but_the_nodes_the_weights_and_the_presets(tmp_path):
    setup_py('egg_info', '--egg-base', tmp_path, 'build_py', '--build-lib', tmp_path / 'lib')
    built = {
        str(p.relative_to(tmp_path / 'lib')) for p in (tmp_path / 'lib').rglob('*') if p.is_file()
    }
    nodes = files_below(ROOT / 'tkn_ros' / 'nodes')  # they need ROS and the messages that it builds
    assert nodes and built == files_below(ROOT / 'tkn_ros') - nodes
    assert 'tkn_ros/weights/default.safetensors' in built
    assert len([f for f in built if f.endswith('.toml')]) >= 4


def test_metadata_package_xml_and_citation_agree(packed):
    metadata = (packed[1] / 'PKG-INFO').read_text()
    xml = ElementTree.parse(ROOT / 'package.xml').getroot()
    field = {name: xml.findtext(name) for name in ('name', 'version', 'license', 'author')}
    assert field['version'] == VERSION
    for line in ('Version: {version}', 'Author: {author}', 'Name: {name}'):
        assert line.format(**field) in metadata.replace('tkn-ros', 'tkn_ros').splitlines()
    assert field['license'] == 'Apache-2.0'
    citation = (ROOT / 'CITATION.cff').read_text().splitlines()
    assert f'version: {VERSION}' in citation
    assert re.search(r'^License(-Expression)?: Apache-2.0$', metadata, re.MULTILINE)
    assert 'Project-URL: Paper, ' + xml.findtext('url') in metadata.splitlines()


def test_bounds_of_versions_stand_once():
    names = []
    config = ConfigParser()
    config.read(ROOT / 'setup.cfg')
    lists = [*(ROOT / f for f in ('requirements.txt', 'requirements-dev.txt'))]
    lines = [line for path in lists for line in path.read_text().splitlines()]
    lines += [
        line for extra in config['options.extras_require'].values() for line in extra.splitlines()
    ]
    for line in lines:
        found = re.match(r'[A-Za-z][\w-]*', line)
        names += [found[0]] if found else []
    assert sorted(names) == sorted(set(names))
    assert config['options']['install_requires'] == 'file: requirements.txt'


def test_a_page_elsewhere_has_no_picture_or_link_that_leads_nowhere(packed):
    spec = importlib.util.spec_from_file_location('tkn_setup', ROOT / 'setup.py')
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    text = (
        'One [paper](https://arxiv.org/abs/1), [a page](docs/a.md), [below](#b).\n\n'
        '![A picture](docs/a.gif)\n\nEnd\n'
    )
    assert setup.long_description(text) == (
        'One [paper](https://arxiv.org/abs/1), a page, [below](#b).\n\nEnd\n'
    )
    assert setup.long_description(text, 'https://example.org/raw/') == (
        'One [paper](https://arxiv.org/abs/1), [a page](https://example.org/raw/docs/a.md), '
        '[below](#b).\n\n![A picture](https://example.org/raw/docs/a.gif)\n\nEnd\n'
    )
    metadata = (packed[1] / 'PKG-INFO').read_text()
    assert 'Description-Content-Type: text/markdown' in metadata and '# tkn_ros' in metadata
    targets = re.findall(r'\]\(([^)]+)\)', metadata)
    assert targets and all(t.startswith(('https://', 'http://', '#')) for t in targets)
