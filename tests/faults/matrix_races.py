"""Too many of everything at once, and what the broker gets to see."""

import base64
import re
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import redis

from tests.faults.environment import HOSTS
from tests.faults.load import SignUp
from tests.faults.scenarios import LONG_MAIL_TIMEOUT, Environment, Fault, scenario
from tests.processes import wait_until


def multiply_messages(copies: int) -> int:
    """Put copies of each waiting message on the broker, byte for byte; return how many there are then."""
    with redis.Redis(HOSTS["redis"]) as broker:
        waiting = broker.lrange("outbox", 0, -1)
        for _ in range(copies - 1):
            broker.rpush("outbox", *waiting)
        return int(broker.llen("outbox"))


def pile_up(environment: Environment, sign_ups: int, copies: int) -> str:
    """Let people sign up while nobody works, multiply the messages, and start everybody again."""
    environment.stack.wait_until_nothing_is_pending(20)
    begin_again = environment.stack.end(*environment.stack.named("worker"), *environment.stack.named("relay"))
    environment.load.run(environment.load.names(sign_ups), "pile")
    messages = multiply_messages(copies)
    begin_again()
    return f"{messages} messages for {sign_ups} rows"


@scenario(workers=2)
def same_message_fifty_times(environment: Environment) -> Fault:
    """The broker delivers each message fifty times."""
    proof = pile_up(environment, 10, 50)
    yield
    return proof


@scenario(workers=3, relays=2, load=(120, 0, 5))  # first, so that all processes have their connections
def thousand_rows_ten_times(environment: Environment) -> Fault:
    """A thousand rows, three workers, two relays, ten of each message."""
    environment.load.at_once = 8
    proof = pile_up(environment, 1000, 10)
    yield
    wait_until(lambda: not environment.redis.count(), 240, "all messages are worked off")
    return proof


@scenario(relays=5)
def five_relays(environment: Environment) -> Fault:
    """Five relays and no Redis: each of them sends."""
    environment.redis.process.kill()
    yield
    environment.stack.wait_until_nothing_is_pending(20)
    pids = [environment.stack.process(name).popen.pid for name in environment.stack.named("relay")]
    environment.redis.start()
    return f"relays {pids} sent without Redis"


@scenario(settings=LONG_MAIL_TIMEOUT)
def simultaneous_sign_ups(environment: Environment) -> Fault:
    """Two visitors want the same address in the same moment, ten times."""
    pairs = [(name, Barrier(2)) for name in environment.load.names(10)]

    def meet(name: str, barrier: Barrier) -> SignUp:
        barrier.wait(10)
        return environment.load.sign_up(name, "during")

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda pair: meet(*pair), [pair for pair in pairs for _ in range(2)]))
    environment.load.log += made
    yield
    answers = sorted(one.status for one in made)
    return "10 x 302 and 10 x 'already exists'" if answers == [302] * 10 + [409] * 10 else ""


@scenario(settings=LONG_MAIL_TIMEOUT)
def redis_hears_no_secret(environment: Environment) -> Fault:
    """All that is said to Redis is names of tasks and ids of rows."""
    monitor = environment.redis.monitor()
    monitor.wait_for_text("OK")
    yield
    environment.stack.wait_until_nothing_is_pending(20)
    time.sleep(1)
    said = monitor.log.read_text()
    monitor.kill()
    blobs = re.findall(r"[A-Za-z0-9+/]{16,}={0,2}", said)
    for blob in blobs:
        said += base64.b64decode(blob + "=" * (-len(blob) % 4)).decode("latin-1")
    names = [made.name for made in environment.load.log if made.phase == "during"]
    words = [*names, "@visitors", "csrf", "session", "Thank you", "Welcome ", "correct horse"]
    leaked = [word for word in words if word in said]
    assert not leaked, f"Redis heard {leaked}"
    return f"{len(said)} bytes heard, {said.count('send_welcome_email')} messages" if names else ""
