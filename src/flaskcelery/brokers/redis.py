"""Celery's Redis transport with one fault mended: a lost acknowledgement no longer costs the worker a place.

As shipped, a message whose acknowledgement Redis does not hear stays in the worker's hands for ever; when all
its places are taken so, it does not even notice that its connection is dead (kombu/transport/redis.py, QoS.ack).
"""

from kombu.transport import redis, virtual


class QoS(redis.QoS):
    """Keeps count of the messages in hand, and forgets one that was worked off whether Redis hears so or not."""

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message."""
        try:
            super().ack(delivery_tag)
        except self.channel.connection_errors:  # type: ignore[attr-defined]  # missing in the stubs
            virtual.QoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give a message back, or drop it."""
        try:
            super().reject(delivery_tag, requeue)
        except self.channel.connection_errors:  # type: ignore[attr-defined]  # missing in the stubs
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    """Celery's channel with that count."""

    QoS = QoS


class Transport(redis.Transport):
    """`redis://` and `rediss://`."""

    Channel = Channel
