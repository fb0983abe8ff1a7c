"""The broker of a machine without Redis: Celery's filesystem transport, made safe to use.

A message is a hint that the outbox row's work can start now, so this broker may lose any of them: the relay
publishes what is still owed again.
"""

from __future__ import annotations

import json
import logging
import uuid
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem

logger = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Reads and writes whole messages only; as shipped, a half-written file ends the worker."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]  # as kombu does
        # Named by the row, so that publishing it again replaces the message that still waits.
        name = payload.get("properties", {}).get("correlation_id") or uuid.uuid4()
        folder = Path(self.data_folder_out)
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{uuid.uuid4()}.draft"
        draft.write_text(json.dumps(payload))
        draft.replace(folder / f"{name}.{queue}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        for path in self._waiting(queue):
            claimed = path.with_name(f"{uuid.uuid4()}.claimed")
            try:
                path.rename(claimed)  # only one reader succeeds
                text = claimed.read_bytes()
                claimed.unlink()
                message: dict[str, Any] = json.loads(text)
                self._check(message)
            except OSError:
                continue  # another reader was faster
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                logger.warning("Discarded what is not a message: %s", path.name)
                continue
            return message
        raise Empty

    def _check(self, message: dict[str, Any]) -> None:
        """Raise unless the message has the shape that the worker relies on."""
        self.message_to_python(message)
        headers, properties = message["headers"], message["properties"]
        route = properties["delivery_info"]
        names = (headers["task"], headers["id"], route["exchange"], route["routing_key"])
        if not all(isinstance(name, str) for name in (*names, properties["delivery_tag"])):
            raise TypeError("not a message of ours")

    def _waiting(self, queue: str) -> list[Path]:
        """Return the waiting messages of `queue`, oldest first."""
        found = []
        for path in Path(self.data_folder_in).glob(f"*.{queue}.msg"):
            with suppress(FileNotFoundError):
                found.append((path.stat().st_mtime_ns, path))
        return [path for _, path in sorted(found)]


class Transport(filesystem.Transport):
    """`embedded://`: messages are files in the folder that `broker_transport_options` names."""

    Channel = Channel
    polling_interval = 0.1  # seconds
    driver_type = "embedded"


def register() -> None:
    """Make `embedded://` a broker URL that Celery understands."""
    TRANSPORT_ALIASES["embedded"] = f"{__name__}:Transport"
