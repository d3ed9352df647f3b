"""The images' subscription: whom it follows, and the usual qos_overrides."""

import pytest
from ros_rig import ros_or_skip

ros_or_skip()

from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from tkn_ros.nodes.qos import FollowingSubscription  # noqa: E402

TOPIC = '/qos/image'


@pytest.fixture
def subscribe(station):
    """Makes a subscription on a node with these overrides."""
    nodes = []

    def make(**given):
        prefix = f'qos_overrides.{TOPIC}.subscription.'
        overrides = [Parameter(prefix + name, value=value) for name, value in given.items()]
        nodes.append(Node('qos', namespace=f'qos{len(nodes)}', parameter_overrides=overrides))
        return FollowingSubscription(nodes[-1], Image, TOPIC, lambda _: None)

    yield make
    for node in nodes:
        node.destroy_node()


def test_it_follows_the_publishers(station, subscribe):
    images = subscribe()
    assert images.subscription.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    publisher = station.publisher(Image, TOPIC, reliable=True)
    station.wait(images.follow, 'the subscription to become reliable')
    assert images.subscription.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    station.node.destroy_publisher(publisher)


def test_overrides_are_respected_and_then_nobody_is_followed(station, subscribe):
    images = subscribe(
        reliability='best_effort', depth=3, durability='transient_local', history='keep_last'
    )
    publisher = station.publisher(Image, TOPIC, reliable=True)
    station.wait(lambda: images.node.count_publishers(TOPIC), 'the publisher')
    assert not images.follow()
    qos = images.subscription.qos_profile
    assert qos.reliability == ReliabilityPolicy.BEST_EFFORT
    assert qos.depth == 3 and qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
    station.node.destroy_publisher(publisher)


def test_overrides_outlive_a_change_of_reliability(station, subscribe):
    images = subscribe(depth=3)
    publisher = station.publisher(Image, TOPIC, reliable=True)
    station.wait(images.follow, 'the subscription to become reliable')
    qos = images.subscription.qos_profile
    assert qos.depth == 3 and qos.reliability == ReliabilityPolicy.RELIABLE
    station.node.destroy_publisher(publisher)


def test_an_unknown_reliability_is_named(subscribe):
    with pytest.raises(ValueError, match='reliability is "some", expected reliable, best_effort'):
        subscribe(reliability='some')
