"""Quality of service: a subscription that follows what the publishers offer."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from tkn_ros.nodes.parameters import declare

FOLLOW = 'as_publishers'  # of `qos_overrides.<topic>.subscription.reliability`
OVERRIDDEN = (QoSPolicyKind.DEPTH, QoSPolicyKind.HISTORY, QoSPolicyKind.DURABILITY)


def image_qos(reliable: bool, depth: int = 5) -> QoSProfile:
    """Volatile, keep last; best effort matches every publisher, reliable only reliable ones."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        durability=DurabilityPolicy.VOLATILE,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
    )


class FollowingSubscription:
    """A subscription that is reliable where all of the topic's publishers are, else best effort.

    A best-effort subscription matches every publisher, but loses parts of large images on a busy
    network where a reliable one would have asked for them again; a reliable subscription matches
    nothing from a best-effort camera. Call `follow` now and then: it recreates the subscription
    when the publishers have changed.

    The usual parameters `qos_overrides.<topic>.subscription.depth`, `.history`, `.durability` and
    `.reliability` are respected; with a reliability given so, nobody is followed.

    Args:
        node: that subscribes.
        message_type: of the topic.
        topic: its name.
        callback: gets each message.
        raw: the callback gets its bytes.
    """

    def __init__(
        self,
        node: Node,
        message_type: Any,
        topic: str,
        callback: Callable[[Any], None],
        raw: bool = False,
    ) -> None:
        self.node, self.message_type, self.topic = node, message_type, topic
        self.callback, self.raw = callback, raw
        self.given = self._given_reliability()
        self.reliable = self._wanted() or False
        self.subscription = self._subscribe()

    def _given_reliability(self) -> bool | None:
        """Whether the parameter says reliable; None: follow the publishers."""
        name = f'qos_overrides.{self.topic}.subscription.reliability'
        if not self.node.has_parameter(name):
            declare(self.node, name, FOLLOW, f'reliable, best_effort or {FOLLOW}')
        value = self.node.get_parameter(name).value
        try:
            return {FOLLOW: None, 'reliable': True, 'best_effort': False}[value]
        except KeyError:
            raise ValueError(
                f'{name} is "{value}", expected reliable, best_effort or {FOLLOW}'
            ) from None

    def _wanted(self) -> bool | None:
        if self.given is not None:
            return self.given
        publishers = self.node.get_publishers_info_by_topic(self.topic)
        if not publishers:
            return None  # nobody to follow
        return all(p.qos_profile.reliability == ReliabilityPolicy.RELIABLE for p in publishers)

    def _subscribe(self) -> Subscription:
        return self.node.create_subscription(
            self.message_type,
            self.topic,
            self.callback,
            image_qos(self.reliable),
            qos_overriding_options=QoSOverridingOptions(OVERRIDDEN),
            raw=self.raw,
        )

    def follow(self) -> bool:
        """Adapt to the publishers of this moment. True if the subscription was recreated."""
        wanted = self._wanted()
        if wanted is None or wanted == self.reliable:
            return False
        self.node.destroy_subscription(self.subscription)
        self.reliable = wanted
        self.subscription = self._subscribe()
        return True

    def close(self) -> None:
        """Unsubscribe."""
        self.node.destroy_subscription(self.subscription)

    def describe(self) -> str:
        """Topic, type, own QoS and the publishers that are there: what "no image" depends on."""
        own = 'reliable' if self.reliable else 'best effort'
        name = f'{self.message_type.__module__.split(".")[0]}/msg/{self.message_type.__name__}'
        publishers = self.node.get_publishers_info_by_topic(self.topic)
        there = ', '.join(
            f'{p.node_namespace.rstrip("/")}/{p.node_name} ({p.topic_type}, '
            f'{p.qos_profile.reliability.name.lower()})'
            for p in publishers
        )
        return f'topic "{self.topic}" ({name}, {own}); publishers there: {there or "none"}'
