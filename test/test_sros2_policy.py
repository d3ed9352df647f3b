"""config/sros2_policy.xml allows each node what it does, and no more."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from ros_rig import Process, ros_or_skip

ros_or_skip()

POLICY = Path(__file__).parents[1] / 'config' / 'sros2_policy.xml'
NAMESPACE = '/tkn'
IMAGES = {'image': '/camera/image_raw'}
# remaps, parameters, and what each says once it is ready
NODES = {
    'predictor': (IMAGES, {'backend': 'eager'}, 'waiting for images'),
    'warning': ({}, {'least_trust': 0.5}, 'watching zones'),
    'evaluator': (IMAGES, {}, ''),
    'recorder': (IMAGES, {'bag': 'out.mcap'}, ''),
}


def allowed(name: str, kind: str, right: str) -> set[str]:
    """Full names of a node's topics or services, as the policy has them."""
    profile = ElementTree.parse(POLICY).find(f".//profile[@node='{name}']")
    names = set()
    for group in profile.findall(f'{kind}s[@{right}="ALLOW"]'):
        for entry in group.findall(kind):
            full = entry.text.replace('~', f'{NAMESPACE}/{name}', 1)
            names.add(full if full.startswith('/') else f'{NAMESPACE}/{full}')
    return names


@pytest.mark.parametrize('name', NODES)
def test_it_names_all_topics_and_services(station, tmp_path, tiny_weights, name):
    remaps, parameters, ready = NODES[name]
    if 'backend' in parameters:
        parameters = parameters | {'weights': tiny_weights}
    if 'bag' in parameters:
        parameters = parameters | {'bag': tmp_path / parameters['bag']}
    remaps = {'__ns': NAMESPACE, **remaps}
    with Process(name, tmp_path, remaps, use_sim_time=True, **parameters) as node:
        station.wait(lambda: ready in node.log(), name, log=node.log)

        def graph(ask: str) -> set[str]:
            """Names of its topics or services; none before the station has found it."""
            if (name, NAMESPACE) not in station.node.get_node_names_and_namespaces():
                return set()
            function = getattr(station.node, f'get_{ask}_names_and_types_by_node')
            return {found for found, _ in function(name, NAMESPACE)}

        services = allowed(name, 'service', 'reply')
        # other transports and images only on request are allowed beside
        station.wait(lambda: services <= graph('service'), 'its services', log=node.log)
        topics = {right: allowed(name, 'topic', right) for right in ('publish', 'subscribe')}
        station.wait(lambda: '/clock' in graph('subscriber'), 'its topics', log=node.log)
        assert graph('publisher') <= topics['publish']
        assert graph('subscriber') <= topics['subscribe']
        assert graph('service') <= services | {f'{NAMESPACE}/{name}/get_type_description'}
