"""What launch files offer is what the node takes; in plain Python, without launch.

The launch files themselves run under `colcon test`: test/launch/*.launch_test.py.
"""

import ast
from pathlib import Path

import pytest
from ros_rig import ros_or_skip

ros_or_skip()

from tkn_ros.nodes.launch_arguments import overrides, parameters_of  # noqa: E402
from tkn_ros.nodes.predictor_parameters import declare_parameters  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
LAUNCH_FILES = sorted((ROOT / 'launch').glob('*.launch.py'))


@pytest.fixture(scope='module')
def declared(station):
    """Names and defaults of the predictor's parameters, as a real node declares them."""
    import rclpy

    node = rclpy.create_node('parameters_alone')
    try:
        declare_parameters(node)
        parameters = node.get_parameters_by_prefix('')
        return {name: p.value for name, p in parameters.items() if '.' not in name}
    finally:
        node.destroy_node()


def test_the_config_has_every_parameter_with_its_default(declared):
    config = parameters_of(ROOT / 'config' / 'predict.yaml')
    of_every_node = ('use_sim_time', 'start_type_description_service')
    own = {name: value for name, value in declared.items() if name not in of_every_node}
    assert config == {n: v if isinstance(v, str | int | float) else list(v) for n, v in own.items()}


def calls_of(tree, name):
    """Every call of a function `name` in a file."""
    return [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name
    ]


@pytest.mark.parametrize('path', LAUNCH_FILES, ids=lambda p: p.name)
def test_every_launch_file_has_a_test_and_leaves_the_environment_alone(path):
    name = path.name.removesuffix('.launch.py')
    assert (ROOT / 'test' / 'launch' / f'{name}.launch_test.py').is_file()
    registered = (ROOT / 'CMakeLists.txt').read_text().split('foreach(LAUNCH_FILE')[1]
    assert name in registered.split(')')[0].split()
    tree = ast.parse(path.read_text())
    assert [f for f in tree.body if getattr(f, 'name', '') == 'generate_launch_description']
    assert not calls_of(tree, 'SetEnvironmentVariable') + calls_of(tree, 'SetParameter')
    if calls_of(tree, 'Node'):  # none is left behind when ros2 launch is killed
        assert calls_of(tree, 'launched')
    known = {'image', 'namespace', 'config', 'use_sim_time'}
    known |= set(parameters_of(ROOT / 'config' / 'predict.yaml'))
    for include in calls_of(tree, 'IncludeLaunchDescription'):
        given = [n for n in ast.walk(include) if isinstance(n, ast.Dict)]
        assert {key.value for dictionary in given for key in dictionary.keys} <= known
    for argument in calls_of(tree, 'DeclareLaunchArgument'):
        if getattr(argument.args[0], 'value', '') == 'use_sim_time':  # the parent's, if not given
            defaults = {k.arg: k.value for k in argument.keywords}
            assert defaults['default_value'].value == ''


DEFAULTS = {'horizon': 10, 'frame_rate': 0.0, 'weights': '', 'output_size': [0, 0], 'loop': False}


def test_arguments_are_of_their_parameters_types():
    given = {
        'horizon': '20',
        'frame_rate': '15',
        'weights': '1e5',
        'output_size': '[-1, -1]',
        'loop': 'true',
    }
    assert overrides(given, DEFAULTS) == {
        'horizon': 20,
        'frame_rate': 15.0,
        'weights': '1e5',
        'output_size': [-1, -1],
        'loop': True,
    }
    assert overrides(dict.fromkeys(DEFAULTS, ''), DEFAULTS) == {}


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('horizon', '1.5'),
        ('horizon', 'many'),
        ('horizon', 'true'),
        ('frame_rate', 'fast'),
        ('output_size', '640'),
        ('output_size', '[a, b]'),
        ('output_size', '[1'),
        ('loop', '1'),
    ],
)
def test_what_is_of_another_type_is_named(name, text):
    with pytest.raises(ValueError) as caught:
        overrides({name: text}, DEFAULTS)
    assert f'{name}:={text} is not of the type of its default' in str(caught.value)


@pytest.mark.parametrize('text', ['', 'a: 1\nb: 2\n', '/**: {other: {}}\n', '- 1\n'])
def test_a_file_of_another_form_is_refused(text, tmp_path):
    (tmp_path / 'p.yaml').write_text(text)
    with pytest.raises(ValueError, match='does not hold one node'):
        parameters_of(tmp_path / 'p.yaml')
