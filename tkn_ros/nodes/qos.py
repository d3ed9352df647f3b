"""Quality of service: a subscription that follows what the publishers offer."""

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def image_qos(reliable: bool, depth: int = 5) -> QoSProfile:
    """Volatile, keep last; best effort hears every publisher, reliable only reliable ones."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        durability=DurabilityPolicy.VOLATILE,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
    )


class FollowingSubscription:
    """A subscription that is reliable where all of the topic's publishers are, else best effort.

    A best-effort subscription hears every publisher, but loses parts of large images on a busy
    network where a reliable one would have asked for them again; a reliable subscription hears
    nothing from a best-effort camera. Call `follow` now and then: it recreates the subscription
    when the publishers have changed.

    Args:
        node: that subscribes.
        message_type: of the topic.
        topic: its name.
        callback: gets each message.
    """

    def __init__(self, node: Node, message_type, topic: str, callback) -> None:
        self.node, self.message_type, self.topic, self.callback = (
            node,
            message_type,
            topic,
            callback,
        )
        self.reliable = self._wanted() or False
        self.subscription = self._subscribe()

    def _wanted(self) -> bool | None:
        publishers = self.node.get_publishers_info_by_topic(self.topic)
        if not publishers:
            return None  # nobody to follow
        return all(p.qos_profile.reliability == ReliabilityPolicy.RELIABLE for p in publishers)

    def _subscribe(self):
        return self.node.create_subscription(
            self.message_type, self.topic, self.callback, image_qos(self.reliable)
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
