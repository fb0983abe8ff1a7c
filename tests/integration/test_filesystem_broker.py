"""The default of a bare machine, `make run`: Flask's own server, SQLite, and messages that are files."""

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.integration.stack import Stack
from tests.integration.visitor import Answer
from tests.servers import SmtpServer

SIGN_UPS = 200
AT_A_TIME = 8
# What a message's name may be mistaken for, and what may be in it.
NAMES = ("{number}", "{row}", "{row}.", "{row}.no_such_task", "{row}.send_welcome_email", "x{row}.send_welcome_email")
CONTENTS = (
    b"",
    b'{"body": "W1s',
    b"{}",
    b"[[1, 2], {}]",
    b'"text"',
    b'{"properties": {}}',
    b'{"body": 1}',
    b'{"body": 1, "properties": {"delivery_tag": []}}',
    b"[" * 100_000,
    b"\x00\xff\xfe\x80 not text",
)


def test_default_set_up_takes_200_sign_ups_and_sends_200_emails(
    make_stack: Callable[..., Stack], smtp_server: SmtpServer, record: Callable[[str], None]
) -> None:
    """Eight at a time: nobody is refused, nothing is locked, every email comes once."""
    stack = start(make_stack)
    began = time.monotonic()
    answers = sign_up_many(stack)
    signed_up = time.monotonic()
    check(stack, smtp_server, answers)
    record(
        f"{SIGN_UPS} sign-ups in {signed_up - began:.1f} s, the last email {time.monotonic() - signed_up:.1f} s later"
    )
    assert "Traceback" not in stack.read_logs()


def test_garbage_in_the_broker_folder_stops_nothing(make_stack: Callable[..., Stack], smtp_server: SmtpServer) -> None:
    """Files that are no messages come all the time, and once in mid-run every file of the broker goes."""
    stack = start(make_stack)
    broker = Path(stack.settings["INSTANCE_PATH"], "broker")
    with littering(broker):
        first = sign_up_many(stack, 0, SIGN_UPS // 2)
        for path in broker.rglob("*"):
            with suppress(OSError):
                path.unlink()
        second = sign_up_many(stack, SIGN_UPS // 2, SIGN_UPS)
    check(stack, smtp_server, [*first, *second])


def start(make_stack: Callable[..., Stack]) -> Stack:
    """Start what `make run` starts."""
    stack = make_stack()
    stack.start_worker()
    stack.start_relay()
    stack.start_flask_run()
    stack.worker.wait_for_text("ready.")
    return stack


def sign_up_many(stack: Stack, first: int = 0, end: int = SIGN_UPS) -> list[Answer]:
    """Let visitors sign up, eight at a time."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(lambda number: stack.visitor().sign_up(f"user{number}", email(number)), range(first, end)))


def email(number: int) -> str:
    """Return somebody's address: each at a domain of its own, as all emails to one have a share of a worker only."""
    return f"user{number}@example{number}.com"


def check(stack: Stack, smtp_server: SmtpServer, answers: list[Answer]) -> None:
    """Look at what everybody got."""
    assert [answer.status for answer in answers] == [302] * SIGN_UPS
    assert stack.count("users") == SIGN_UPS
    smtp_server.wait_for(SIGN_UPS)
    stack.wait_until_processed()
    assert sorted(smtp_server.recipients()) == sorted(map(email, range(SIGN_UPS)))
    assert "database is locked" not in stack.read_logs()
    assert "Unrecoverable error" not in stack.read_logs()
    assert stack.worker.popen.poll() is None


@contextmanager
def littering(folder: Path) -> Iterator[None]:
    """Drop files and folders that are named like messages until the block ends."""
    stop = threading.Event()
    folder.mkdir(exist_ok=True)

    def litter() -> None:
        for number in itertools.count():
            name = NAMES[number % len(NAMES)].format(number=number, row=uuid.uuid4())
            path = folder / f"{name}.outbox.msg"
            if number % 11:
                path.write_bytes(CONTENTS[number % len(CONTENTS)])
            else:
                path.mkdir()
            if stop.wait(0.02):
                break

    thread = threading.Thread(target=litter)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
