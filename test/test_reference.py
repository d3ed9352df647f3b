"""README's tables are the code's, and the code's are the running node's."""

import importlib.util
from pathlib import Path

import pytest
from ros_rig import PredictorRig, ros_or_skip

ros_or_skip()

from tkn_ros.nodes.predictor_parameters import PARAMETERS  # noqa: E402
from tkn_ros.nodes.reference import MESSAGES, message_fields, with_tables  # noqa: E402
from tkn_ros.nodes.topics import TOPICS  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def test_readme_has_the_tables_of_the_code():
    """If not: python -m tkn_ros.nodes.reference README.md."""
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    assert text.count('<!-- table: ') == 3
    assert with_tables(text) == text


def test_every_message_and_parameter_is_in_it():
    text = with_tables(
        '<!-- table: messages -->\n<!-- end --><!-- table: parameters -->\n<!-- end -->'
    )
    assert {f'{name}.msg' for name in MESSAGES} == {p.name for p in (ROOT / 'msg').glob('*.msg')}
    assert all(f'[`{name}`](msg/{name}.msg)' in text for name in MESSAGES)
    assert all(f'| `{p.name}` |' in text for p in PARAMETERS)


def test_a_definition_is_read_with_its_comments():
    about, fields = message_fields(
        '# What it is.\nuint8 OK=0\nuint8 BAD=1  # no\n\nstd_msgs/Header header  # stamp\n'
        'float32[] x   # [pixel],\n              # to the right\nfloat32 y\n'
    )
    assert about == 'What it is.'
    assert fields == [
        ('uint8', 'OK=0', ''),
        ('uint8', 'BAD=1', 'no'),
        ('std_msgs/Header', 'header', 'stamp'),
        ('float32[]', 'x', '[pixel], to the right'),
        ('float32', 'y', ''),
    ]


def test_an_unknown_table_is_named():
    with pytest.raises(ValueError, match='table "zones" is unknown'):
        with_tables('<!-- table: zones -->\n<!-- end -->')


def test_the_running_node_has_these_topics_and_services(station, tmp_path, tiny_weights):
    with PredictorRig(station, tmp_path, 'reference', weights=tiny_weights) as rig:
        node, space = station.node, '/reference'
        outs = node.get_publisher_names_and_types_by_node('predictor', space)
        ins = node.get_subscriber_names_and_types_by_node('predictor', space)
        services = node.get_service_names_and_types_by_node('predictor', space)
        assert rig.alive()
    of_every_node = ('/rosout', '/parameter_events', '/clock', 'transition_event')
    found = {
        (way, name.removeprefix(f'{space}/'), kinds[0].replace('/msg/', '/').replace('/srv/', '/'))
        for way, listed in (('out', outs), ('in', ins), ('service', services))
        for name, kinds in listed
        if not name.endswith(of_every_node)
        and not kinds[0].startswith(('rcl_', 'lifecycle_'))
        and not name.endswith('get_type_description')
    }
    there = importlib.util.find_spec('foxglove_msgs') is not None
    listed = {
        (t.way, t.name, t.type) for t in TOPICS if there or not t.type.startswith('foxglove_msgs')
    }
    assert found == listed
