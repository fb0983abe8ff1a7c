"""The Compose deployment under 64 clients: `python -m benchmarks.compose [SECONDS [ARGON2_PARAMETERS]]`.

By default, five minutes with the default parameters. Each client fetches pages, signs up and logs in, as often as it
can, from IP addresses of its own. The bars: no container and no process is killed or restarted, and after the first
minute the memory of web is flat and under 60 % of its limit.
"""

import json
import logging
import multiprocessing
import re
import signal
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial

from tests.compose.deployment import SERVICES, Deployment
from tests.integration.visitor import Answer
from tests.processes import wait_until

from benchmarks.clients import Done, fetch_home, log_in, run_load, sign_up

CLIENTS, PROCESSES, SECONDS, EVERY = 64, 4, 300, 5
ACCOUNTS = 200  # each can log in 60 times an hour
MINUTE, SHARE, FLAT = 60, 0.60, 1.05
ANYWHERE = "set_real_ip_from 0.0.0.0/0; real_ip_header X-Forwarded-For;"
KILLS = "cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null || true"
Sizes = dict[str, list[tuple[float, float]]]  # by service: seconds since the load began, and MB


def live(port: int, name: str, number: int) -> Answer:
    """Do the next thing that a client does: five pages and two logins for each sign-up."""
    if number % 8 == 0:
        return sign_up(port, name, number)
    return log_in(port, "client", ACCOUNTS, number // 4) if number % 4 == 1 else fetch_home(port, number)


def start(site: Deployment, argon2: str) -> None:
    """Start the deployment with all its limits, and let those sign up who will log in."""
    (site.nginx_folder / "proxies.d").mkdir(exist_ok=True)
    (site.nginx_folder / "proxies.d/clients.conf").write_text(ANYWHERE)
    site.environ |= {"RATELIMIT_ENABLED": "", "MAIL_TIMEOUT": "", "OUTBOX_RETRY_AFTER": "", "ARGON2_PARAMETERS": argon2}
    site.up("--build")
    run_load(partial(sign_up, site.port, "client"), MINUTE, 8, most=ACCOUNTS)


def weigh(site: Deployment, ids: dict[str, str]) -> dict[str, float]:
    """Return the memory of each service, in MB, as Docker counts it."""
    lines = site.run("docker", "stats", "--no-stream", "--format", "{{json .}}", *ids).splitlines()
    stats = {ids[one["ID"]]: one["MemUsage"].split(" / ")[0] for one in map(json.loads, lines)}
    units = {"KiB": 2**-10, "MiB": 1, "GiB": 2**10}
    return {name: float(size[:-3]) * units[size[-3:]] for name, size in stats.items()}


def watch(site: Deployment, loads: "list[Future[list[Done]]]") -> Sizes:
    """Weigh the services while the load runs."""
    ids = {site.containers(name)[0][:12]: name for name in SERVICES}
    began, sizes = time.monotonic(), Sizes()
    while not all(load.done() for load in loads):
        for name, size in weigh(site, ids).items():
            sizes.setdefault(name, []).append((time.monotonic() - began, size))
        time.sleep(EVERY)
    return sizes


def find_changes(site: Deployment, before: dict[str, str]) -> list[str]:
    """Return a line for each container that was restarted, and for what killed a process in one."""
    found = []
    for name in SERVICES:
        state = site.inspect(name)
        if state["State"]["StartedAt"] != before[name] or state["State"]["Health"]["Status"] != "healthy":
            found.append(f"{name} was restarted or is not healthy")
        if sum(map(int, re.findall(r"^oom_kill (\d+)", site.execute(name, "sh", "-c", KILLS), re.MULTILINE))):
            found.append(f"the kernel killed a process of {name} for its memory")
    killed = re.findall(r".*(?:DAMN|HARAKIRI|WorkerLostError).*", site.compose("logs", "web", "worker", "jobs"))
    return found + killed


def show(site: Deployment, sizes: Sizes) -> bool:
    """Print the memory of each service; return whether that of web is flat and has room."""
    limit = site.inspect("web")["HostConfig"]["Memory"] / 2**20
    for name, weighed in sizes.items():
        last = [size for _, size in weighed][-MINUTE // EVERY // 2 :]
        second = [size for seconds, size in weighed if MINUTE <= seconds < 2 * MINUTE] or last
        most, growth = max(size for _, size in weighed), statistics.mean(last) / statistics.mean(second)
        print(f"{name:8} first {weighed[0][1]:4.0f} MB, most {most:4.0f} MB, last {growth:.2f} of the second minute")
        if name == "web":
            print(f"         {most / limit:.0%} of its limit of {limit:.0f} MB")
            is_good = most < SHARE * limit and growth <= FLAT
    return is_good


def main() -> bool:
    """Put load on the deployment; print what was seen, and return whether the bars hold."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and so end everything that was started
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    seconds, argon2 = float([*sys.argv, SECONDS][1]), [*sys.argv, "", ""][2]
    site = Deployment()
    try:
        start(site, argon2)
        before = {name: site.inspect(name)["State"]["StartedAt"] for name in SERVICES}
        with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
            acts = [partial(live, site.port, f"p{number}x") for number in range(PROCESSES)]
            loads = [pool.submit(run_load, act, seconds, CLIENTS // PROCESSES) for act in acts]
            sizes = watch(site, loads)
            answers = Counter(done.is_refused for load in loads for done in load.result())
        changes, is_good = find_changes(site, before), show(site, sizes)
        print(f"{answers[False]} answers in {seconds:.0f} s, {answers[True]} of others were 503", *changes, sep="\n")
        wait_until(lambda: not site.count("outbox WHERE done_at IS NULL"), 300, "every email is sent")
    finally:
        site.end()
    return is_good and not changes


if __name__ == "__main__":
    sys.exit(not main())
