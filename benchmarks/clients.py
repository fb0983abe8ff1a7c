"""Clients: people who fill forms in, fetch pages and enqueue emails, in processes of their own."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from argon2 import PasswordHasher
from celery import Celery
from tests.integration.visitor import SIGN_UP, Answer, Visitor

from benchmarks.storms import visit
from flaskcelery.app import create_app
from flaskcelery.config.derived import OUTBOX_QUEUE
from flaskcelery.database import transaction
from flaskcelery.signup.tasks import send_welcome_email

PART = 100  # emails a transaction


@dataclass(frozen=True)
class Done:
    """One request: when it was due, when it was answered, and whether the site was too busy for it."""

    number: int
    due: float
    answered: float
    is_refused: bool

    @property
    def seconds(self) -> float:
        """Return how long it took, from when it was due."""
        return self.answered - self.due


Act = Callable[[int], Answer]


def email_of(name: str, number: int) -> str:
    """Return an address; the domains differ, as a worker sends to each one with half of its processes only."""
    return f"{name}{number}@d{number % 50}.example"


def new_visitor(port: int) -> Visitor:
    """Return a visitor with an address of their own."""
    return visit(port, f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}")  # noqa: S311


def fetch_home(port: int, _: int) -> Answer:
    """Fetch the home page."""
    return _expect(200, new_visitor(port).get("/"))


def sign_up(port: int, name: str, number: int) -> Answer:
    """Fetch the form, fill it in and send it."""
    visitor = new_visitor(port)
    visitor.get(SIGN_UP)
    return _expect(302, visitor.sign_up(f"{name}{number}", email_of(name, number)))


def log_in(port: int, name: str, accounts: int, number: int) -> Answer:
    """Fetch the form, fill it in for one of the accounts and send it."""
    return _expect(302, new_visitor(port).log_in(email_of(name, number % accounts)))


def run_load(act: Act, seconds: float, at_once: int, rate: float = 0, most: int = 10**9) -> list[Done]:
    """Act until the time is over, each client as soon as it can, or all together at a rate."""
    numbers = iter(range(most))
    began = time.time()

    def live() -> list[Done]:
        done = []
        for number in numbers:
            due = began + number / rate if rate else time.time()
            if due >= began + seconds:
                break
            time.sleep(max(0.0, due - time.time()))
            is_refused = act(number).status == HTTPStatus.SERVICE_UNAVAILABLE
            done.append(Done(number, due, time.time(), is_refused))
        return done

    with ThreadPoolExecutor(at_once) as threads:
        lives = [threads.submit(live) for _ in range(at_once)]
    return [done for each in lives for done in each.result()]


def count_hashes(parameters: tuple[int, int, int], seconds: float) -> tuple[float, float]:
    """Hash passwords until the time is over; return how many a second, and the CPU seconds of one."""
    memory, passes, lanes = parameters
    hasher = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes)
    count, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < began + seconds:
        hasher.hash("correct horse battery")
        count += 1
    return count / (time.perf_counter() - began), (time.process_time() - cpu) / count


def enqueue_emails(settings: dict[str, str], emails: dict[int, str], rate: float = 0) -> None:
    """Enqueue a welcome email to each of these users, as a sign-up does, all at once or at a rate."""
    app = create_app({**settings, "LOG_LEVEL": "WARNING"})
    users, part = list(emails.items()), 1 if rate else PART
    began = time.time()
    with app.app_context():
        for start in range(0, len(users), part):
            time.sleep(max(0.0, began + start / rate - time.time()) if rate else 0)
            with transaction():
                for user_id, email in users[start : start + part]:
                    send_welcome_email.enqueue(to=email, user_id=user_id)


def send_tasks(broker: str, task: str, ids: list[int], rate: float = 0) -> None:
    """Publish Celery tasks, all at once or at a rate."""
    with Celery(broker=broker) as celery:
        send = partial(celery.send_task, task, ignore_result=True, queue=OUTBOX_QUEUE)
        began = time.time()
        for number, user_id in enumerate(ids):
            time.sleep(max(0.0, began + number / rate - time.time()) if rate else 0)
            send(args=[user_id])


def _expect(status: int, answer: Answer) -> Answer:
    """Return the answer, which must be this one or the refusal of a busy site."""
    assert answer.status in {status, HTTPStatus.SERVICE_UNAVAILABLE}, f"{answer.status}: {answer.text[:500]}"
    return answer
