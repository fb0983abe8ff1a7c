"""What stands in for the publisher."""

import uuid

from flaskcelery.outbox.publisher import BrokerAway


class Broker:
    """It records, or fails when it is told to."""

    def __init__(self) -> None:
        self.published: list[uuid.UUID] = []
        self.tried = 0
        self.waiting = self.waiting_jobs = 0
        self.is_down = False

    def count_waiting(self) -> dict[str, int]:
        """Return how many messages wait, or fail as a lost broker does."""
        self.tried += 1
        if self.is_down:
            raise BrokerAway("connection refused")
        return {"outbox": self.waiting, "urgent": 0, "jobs": self.waiting_jobs}

    def publish(self, _task: str, row_id: uuid.UUID) -> None:
        """Take the message or fail as a lost broker does."""
        self.tried += 1
        if self.is_down:
            raise BrokerAway("connection refused")
        self.published.append(row_id)

    def try_publish(self, _task: str, _row_id: uuid.UUID) -> None:
        """Lose the message."""
