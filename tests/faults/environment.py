"""The environment: network namespaces joined by veth, and in each one real server that a fault can hit."""

import os
import pwd
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import psycopg

from tests import servers
from tests.postgres import as_nobody, create_cluster
from tests.processes import find_program, start, wait_until

HOSTS = {"redis": "10.77.1.2", "pg": "10.77.2.2", "smtp": "10.77.3.2"}
PORTS = {"redis": 6379, "pg": 5432, "smtp": 2525}
NOBODY = pwd.getpwnam("nobody")


def sh(command: str) -> str:
    """Run a command and return what it printed."""
    return subprocess.run(shlex.split(command), check=True, capture_output=True, text=True).stdout


def inside(name: str, *command: str) -> list[str]:
    """Return the command that runs `command` in a server's namespace."""
    return ["ip", "netns", "exec", name, *command]


def build_network() -> None:
    """Join a namespace for each server with the one we are in, the application's; all of it dies with us."""
    sh("mount -t tmpfs tmpfs /run/netns")
    sh("ip link set lo up")
    for name, address in HOSTS.items():
        sh(f"ip netns add {name}")
        sh(f"ip link add {name} type veth peer name app netns {name}")
        sh(f"ip addr add {address[:-1]}1/24 dev {name}")
        sh(f"ip link set {name} up")
        sh(f"ip -n {name} addr add {address}/24 dev app")
        sh(f"ip -n {name} link set app up")
        sh(f"ip -n {name} link set lo up")


def takes_connections(name: str) -> bool:
    """Tell whether a server answers."""
    with suppress(OSError), socket.create_connection((HOSTS[name], PORTS[name]), timeout=1):
        return True
    return False


@contextmanager
def iptables(name: str, rule: str) -> Iterator["Rule"]:
    """Apply a rule, its chain first, in a server's namespace for as long as the block runs."""
    applied, chain = Rule(), rule.split(maxsplit=1)[0]
    sh(f"ip netns exec {name} iptables -A {rule}")
    try:
        yield applied
    finally:
        listed = sh(f"ip netns exec {name} iptables -nvxL {chain}")
        applied.packets = int(listed.splitlines()[2].split()[0])
        sh(f"ip netns exec {name} iptables -F {chain}")


class Rule:
    """A rule of iptables: how many packets it has hit is known when it is gone."""

    packets = 0

    def __str__(self) -> str:
        return f"{self.packets} packets dropped"


def black_hole(name: str, more: str = "") -> str:
    """Return the rule that drops what comes to a server."""
    return f"INPUT -i app -p tcp --dport {PORTS[name]} {more} -j DROP"


class Redis(servers.Redis):
    """A Redis in a namespace; what is asked of it is asked inside, where no rule drops anything."""

    host = HOSTS["redis"]
    prefix = tuple(inside("redis"))
    options = ("--bind", "*", "--protected-mode", "no")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, PORTS["redis"])

    def count(self) -> int:
        """Return how many messages wait."""
        return int(self.ask("llen", "outbox"))


class Postgres:
    """A Postgres with few connection slots, one database a scenario, used by an ordinary role."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "postgres"
        self.data.mkdir()
        create_cluster(str(self.data))
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.77.0.0/16 trust\n")
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write("listen_addresses='*'\nunix_socket_directories=''\nmax_connections=40\n")
        self.log = folder / "postgres.log"
        self.log.touch()
        os.chown(self.log, NOBODY.pw_uid, NOBODY.pw_gid)
        self.control("start")
        with self.connect() as admin:
            admin.execute("CREATE ROLE app LOGIN")

    def control(self, *words: str) -> None:
        """Run pg_ctl and wait for what it does."""
        command = [*as_nobody(), find_program("pg_ctl"), "-D", str(self.data), "-l", str(self.log), "-w", *words]
        subprocess.run(inside("pg", *command), check=True, capture_output=True, cwd="/")

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Return a connection of the administrator's."""
        return psycopg.connect(f"postgresql://tester@{HOSTS['pg']}/postgres", autocommit=True)

    def create(self, name: str) -> str:
        """Create a scenario's database and return its URL."""
        with self.connect() as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
            admin.execute(f'CREATE DATABASE "{name}" OWNER app'.encode())
        return f"postgresql://app@{HOSTS['pg']}/{name}"

    def pid(self) -> int:
        """Return the server's process id."""
        return int((self.data / "postmaster.pid").read_text().split()[0])


class Sink:
    """Postfix's smtp-sink. Each start has a mode and a folder; only a mode that says 250 takes emails."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.modes = folder / "emails", 0
        self.folder.mkdir()
        self.taking: list[Path] = []
        self.start()

    def start(self, mode: str = "", takes: bool = True) -> None:
        """Start in a mode, the options of smtp-sink; `takes` says whether it answers the final dot with 250."""
        self.modes += 1
        dumps = self.folder / str(self.modes)
        dumps.mkdir()
        os.chown(dumps, NOBODY.pw_uid, NOBODY.pw_gid)
        if takes:
            self.taking.append(dumps)
        options = f"-v -u nobody -d {dumps}/%S. {mode} {HOSTS['smtp']}:{PORTS['smtp']} 1000"
        command = inside("smtp", find_program("smtp-sink"), *options.split())
        self.process = start("smtp-sink", command, self.folder.parent, {})
        wait_until(lambda: takes_connections("smtp") or self.process.fail_if_ended(), 30, "smtp-sink")

    def count_sessions(self) -> int:
        """Return how many connections it has had, in all modes."""
        return self.process.log.read_text(errors="replace").count("smtp-sink: connect (")

    def count_dumps(self) -> int:
        """Return how many emails have come in this mode."""
        return len(list((self.folder / str(self.modes)).iterdir()))

    def become(self, mode: str = "", takes: bool = True) -> None:
        """Stop, and start in another mode."""
        self.process.kill()
        self.start(mode, takes)

    def emails(self) -> list[EmailMessage]:
        """Return the emails that it has answered with 250, so not those cut off because it was killed."""
        files = [file for folder in self.taking for file in sorted(folder.iterdir())]
        emails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
        return [email for email in emails if email.is_multipart() and not email.defects]
