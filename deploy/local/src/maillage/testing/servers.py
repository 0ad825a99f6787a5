"""Throw-away PostgreSQL and Kafka for one test session, or servers that the environment names.

A server is started when a test first asks for it, on ports and in a folder of its own, and ends with the test process
however that ends: the kernel sends its death signal. Folders of sessions that were killed are removed by the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Protocol, TypeVar

import asyncpg

from maillage.processes import die_with_parent
from maillage.stack.command import Command
from maillage.stack.errors import StackError
from maillage.stack.kafka import Kafka, KafkaConfig
from maillage.stack.postgres import Postgres, PostgresConfig

T = TypeVar("T")

READY_SECONDS = 60.0
STOP_SECONDS = 10.0
PORTS = range(20_000, 32_000)
"""Below Linux's ephemeral ports, which outgoing connections may take between our look and the server's."""
FOLDER_PREFIX = "maillage-test-"


class Embedded(Protocol):
    """What the stack's servers have in common."""

    def prepare(self, report: Callable[[str], None]) -> None: ...
    def command(self) -> Command: ...
    async def wait_ready(self, timeout: float) -> str: ...
    def diagnose(self) -> StackError | None: ...


class Running(Protocol):
    """A server that is ours, which fault tests may hurt and start again."""

    kind: str
    """What runs, for the summary."""

    @property
    def alive(self) -> bool: ...
    @property
    def pid(self) -> int | None: ...
    def start(self) -> str: ...
    def kill(self) -> None: ...
    def stop(self) -> None: ...
    def pause(self) -> None: ...
    def go_on(self) -> None: ...
    def close(self) -> None: ...


class ServerProcess:
    """One embedded server under the test process, which fault tests may kill and start again."""

    kind = "embedded"

    def __init__(self, server: Embedded) -> None:
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start it from the main thread and return its version once it answers."""
        self._server.prepare(lambda _line: None)
        command = self._server.command()
        with command.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(command.env),
                cwd=command.cwd,
                user=command.user,
                group=command.group,
                extra_groups=None if command.user is None else [],
                start_new_session=True,
                preexec_fn=die_with_parent(command.death_signal),  # noqa: PLW1509 (one system call, from the main thread)
            )
        return run_apart(self._until_ready)

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """End it without caring for its data, which die with the session."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self._server.command().death_signal)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def pause(self) -> None:
        """Let it stand still, as a long pause of its machine does."""
        self._signal(SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._signal(SIGCONT)

    def close(self) -> None:
        """End it for good; its folder is the session's to remove."""
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The process that runs, if any."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def _signal(self, number: int) -> None:
        pid = self.pid
        assert pid is not None
        os.kill(pid, number)

    async def _until_ready(self) -> str:
        ready = asyncio.ensure_future(self._server.wait_ready(READY_SECONDS))
        while not ready.done():
            await asyncio.wait([ready], timeout=0.2)
            if not ready.done() and self.pid is None:
                ready.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await ready
                raise self._server.diagnose() or StackError(
                    "Le serveur s'est arrêté dès son démarrage · the server ended while starting",
                    f"lisez son journal · read its log: {self._server.command().log_file}",
                )
        return ready.result()


@dataclass(slots=True)
class PostgresServer:
    """The PostgreSQL of the session; `process` is None when it is not ours."""

    admin_dsn: str
    version: str
    process: Running | None = None
    log_file: Path | None = None

    def __str__(self) -> str:
        return f"PostgreSQL {self.version} ({self.process.kind if self.process else 'external'})"


@dataclass(slots=True)
class KafkaServer:
    """The Kafka of the session; `process` is None when it is not ours."""

    bootstrap: str
    partner_bootstrap: str
    """SASL_PLAINTEXT with SCRAM-SHA-512; empty when an external broker does not offer it."""
    version: str
    process: Running | None = None
    log_file: Path | None = None

    def __str__(self) -> str:
        return f"Kafka {self.version} ({self.process.kind if self.process else 'external'})"


def start_postgres(folder: Path, port: int | None = None, *, durable: bool = False) -> PostgresServer:
    """Start a PostgreSQL that ends with the session; one that is not durable may forget what it promised, too."""
    config = PostgresConfig(folder / "postgres", folder / "postgres.log", port or free_ports(1)[0], durable=durable)
    server = Postgres(config)
    process = ServerProcess(server)
    with stopped_on_error(process):
        version = process.start()
        return PostgresServer(server.admin_dsn, version, process, config.log_file)


def start_kafka(folder: Path) -> KafkaServer:
    """Start a Kafka that forgets everything with the session."""
    internal, controller, partners = free_ports(3)
    config = KafkaConfig(folder / "kafka", folder / "kafka.log", internal, controller, partners, durable=False)
    server = Kafka(config)
    process = ServerProcess(server)
    with stopped_on_error(process):
        version = process.start()
        return KafkaServer(server.bootstrap, server.partner_bootstrap, version, process, config.log_file)


@contextlib.contextmanager
def stopped_on_error(process: ServerProcess) -> Iterator[None]:
    """Leave no server behind when its start fails."""
    try:
        yield
    except BaseException:
        process.stop()
        raise


def free_ports(count: int) -> tuple[int, ...]:
    """Return ports on which nobody listens at this moment."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            port = random.choice(PORTS)
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
    return tuple(found)


def new_folder() -> Path:
    """Make a folder that PostgreSQL's account may enter, after removing those of sessions that were killed."""
    base = Path(tempfile.gettempdir())
    for old in base.glob(f"{FOLDER_PREFIX}*"):
        owner = old.name.removeprefix(FOLDER_PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-", dir=base))
    folder.chmod(0o711)
    return folder


def run_apart(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine to its end in another thread: the tests' own event loop may be set in this one."""

    async def whole() -> T:
        return await work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, whole()).result()


def external_postgres(dsn: str) -> PostgresServer:
    """Return the server that `dsn`, an administrator's, names."""
    return PostgresServer(dsn, run_apart(lambda: _version(dsn)))


def external_kafka(bootstrap: str, partner_bootstrap: str) -> KafkaServer:
    """Return the brokers that `bootstrap` names; Kafka tells no client its version."""
    return KafkaServer(bootstrap, partner_bootstrap, f"at {bootstrap}")


async def _version(dsn: str) -> str:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        version: str = await connection.fetchval("SHOW server_version")
        return version.split(" ")[0]
    finally:
        await connection.close()
