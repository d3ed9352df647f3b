"""config/tkn.rviz and config/foxglove_layout.json show topics that there are, as what they are.

Neither program can run here; what the displays take is known from their documentation.
"""

import json
from pathlib import Path

import pytest
import yaml
from ros_rig import ros_or_skip

ros_or_skip()

from tkn_ros.nodes.topics import TOPICS  # noqa: E402

CONFIG = Path(__file__).resolve().parent.parent / 'config'
CAMERA = '/camera/image_raw'
NAMESPACE = '/tkn'  # of launch/predict.launch.py
IMAGE = 'sensor_msgs/Image'
RVIZ = {  # display: type of its topic
    'rviz_default_plugins/Image': IMAGE,
    'rviz_default_plugins/MarkerArray': 'visualization_msgs/MarkerArray',
}
RVIZ_CLASSES = {*RVIZ, 'rviz_default_plugins/MoveCamera', 'rviz_default_plugins/XYOrbit'}


def type_of(topic: str) -> str:
    """Of a topic of the predictor, or of the camera."""
    name = topic.removeprefix(f'{NAMESPACE}/') if topic != CAMERA else 'image'
    (found,) = [t.type for t in TOPICS if t.name == name]
    return found


def rviz():
    return yaml.safe_load((CONFIG / 'tkn.rviz').read_text())


def displays():
    return rviz()['Visualization Manager']['Displays']


def strings(tree, key=None):
    """Every string below `key`, or every string, in a tree of lists and dictionaries."""
    if isinstance(tree, dict):
        inside = [s for k, v in tree.items() for s in strings(v, None if k == key else key)]
        return inside if key else [*inside, *tree]
    if isinstance(tree, list):
        return [s for part in tree for s in strings(part, key)]
    return [tree] if isinstance(tree, str) and key is None else []


def test_rviz_shows_each_topic_by_a_display_of_its_type():
    for display in displays():
        assert display['Enabled'] and type_of(display['Topic']['Value']) == RVIZ[display['Class']]
    classes = [c for c in strings(rviz(), 'Class') if c.startswith('rviz_default_plugins/')]
    assert set(classes) == RVIZ_CLASSES
    topics = [t['Topic']['Value'] for t in displays()]
    assert len(set(topics)) == len(topics) == 3


def test_rviz_asks_for_what_the_predictor_offers():
    """Reliable and volatile: a display that asked for transient local would hear nothing."""
    for display in displays():
        topic = display['Topic']
        asked = topic['Durability Policy'], topic['Reliability Policy'], topic['History Policy']
        assert asked == ('Volatile', 'Reliable', 'Keep Last')
    frames = next(d for d in displays() if d['Topic']['Value'].endswith('predicted_frames'))
    assert frames['Topic']['Depth'] >= 10  # those of a whole prediction come at once


def panels():
    return json.loads((CONFIG / 'foxglove_layout.json').read_text())['configById']


def test_foxglove_shows_each_topic_in_a_panel_of_its_type():
    for name, panel in panels().items():
        kind, _, _ = name.partition('!')
        if kind == 'Image':
            mode = panel['imageMode']
            assert type_of(mode['imageTopic']) == IMAGE
            for topic in mode.get('annotations', {}):
                assert type_of(topic) == 'foxglove_msgs/ImageAnnotations'
        elif kind == 'Plot':
            for path in panel['paths']:
                topic, _, field = path['value'].rpartition('.')
                assert type_of(topic) == 'std_msgs/Float32' and field == 'data'
        else:
            assert kind == 'DiagnosticSummary'
            assert type_of(panel['topicToRender']) == 'diagnostic_msgs/DiagnosticArray'


def leaves(layout):
    """Panels of a split, which is a binary tree."""
    if isinstance(layout, str):
        return [layout]
    assert layout['direction'] in ('row', 'column')
    assert layout.keys() <= {'first', 'second', 'direction', 'splitPercentage'}
    return leaves(layout['first']) + leaves(layout['second'])


def test_foxglove_lays_out_every_panel_once():
    layout = json.loads((CONFIG / 'foxglove_layout.json').read_text())
    shown = leaves(layout['layout'])
    assert sorted(shown) == sorted(layout['configById'])


@pytest.mark.parametrize('name', ['tkn.rviz', 'foxglove_layout.json'])
def test_no_name_of_a_topic_is_spelt_wrongly(name):
    """Whatever begins like a name, wherever it stands."""
    text = (CONFIG / name).read_text()
    tree = yaml.safe_load(text)  # JSON is YAML
    for topic in {s.removesuffix('.data') for s in strings(tree) if s.startswith('/')}:
        assert type_of(topic)
