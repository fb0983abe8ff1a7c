"""The broker without Redis: a folder of empty files whose names are the messages. The relay replaces a lost one."""

import base64
import json
import logging
import uuid
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem

LONGEST_WAIT = 0.5  # seconds

logger = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Stores a message as an empty file `<row id>.<task>.<queue>.msg`: there is no content to be half-written."""

    # Kombu's own transport ends the worker when it reads a file that is not a message.

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]  # as kombu does
        folder = Path(self.data_folder_out)
        folder.mkdir(parents=True, exist_ok=True)
        headers = payload["headers"]
        with suppress(FileExistsError):  # published twice: the first one keeps its place in the queue
            (folder / f"{headers['id']}.{headers['task']}.{queue}.msg").touch(exist_ok=False)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for path in self._waiting(queue):
            row_id, _, task = path.name.removesuffix(f".{queue}.msg").partition(".")
            try:
                path.unlink()  # only one reader succeeds
                uuid.UUID(row_id)
            except OSError:
                continue  # another reader was faster
            except ValueError:
                logger.warning("Discarded a file that is not a message: %s", path.name)
                continue
            return _build_message(row_id, task, queue)
        raise Empty

    def _queue_bind(self, *_: Any) -> None:
        pass  # kombu would keep a table of queues, another file that can break; a message names its queue

    def get_table(self, exchange: str) -> list[Any]:
        return []

    def _size(self, queue: str) -> int:
        return len(self._waiting(queue))

    def _waiting(self, queue: str) -> list[Path]:
        """Return the files of `queue`, oldest first."""
        found = []
        for path in Path(self.data_folder_in).glob(f"*.{queue}.msg"):
            with suppress(OSError):
                found.append((path.stat().st_mtime_ns, path))
        return [path for _, path in sorted(found)]


def _build_message(row_id: str, task: str, queue: str) -> dict[str, Any]:
    """Return a kombu message of Celery's task protocol 2, with the row's id as the only argument."""
    body = json.dumps([[row_id], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return {
        "body": base64.b64encode(body.encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"lang": "py", "task": task, "id": row_id, "root_id": row_id, "argsrepr": repr([row_id])},
        "properties": {
            "correlation_id": row_id,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "delivery_tag": str(uuid.uuid4()),
            "body_encoding": "base64",
        },
    }


class Transport(filesystem.Transport):
    """The transport of `embedded://`; `broker_transport_options` names its folder."""

    Channel = Channel
    polling_interval = 0.1  # seconds
    driver_type = "embedded"

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:
        """Wait at most LONGEST_WAIT for a message, so that a worker notices soon that it should stop."""
        super().drain_events(connection, timeout=min(timeout or LONGEST_WAIT, LONGEST_WAIT))
