"""Celery's Redis transport with one bug fixed: a lost acknowledgement counted against the prefetch limit for ever.

A worker whose limit is used up this way stops polling, and does not even notice that its connection is dead
(kombu/transport/redis.py, QoS.ack).
"""

from kombu.transport import redis, virtual


class QoS(redis.QoS):
    """Stops counting a processed message, whether or not Redis receives the acknowledgement."""

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except self.channel.connection_errors:  # type: ignore[attr-defined]  # missing in the stubs
            virtual.QoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue)
        except self.channel.connection_errors:  # type: ignore[attr-defined]  # missing in the stubs
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel
