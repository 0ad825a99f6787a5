"""PostgreSQL in a container of the official image, by testcontainers, for tests that run on what a site runs.

Ports are those of this machine's loopback, chosen by us: a server that is stopped and started again keeps its address.
The engine is therefore one of this machine. Containers of sessions that were killed are removed by the next one.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import asyncpg
from docker.errors import DockerException, NotFound
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from maillage.errors import Refusal
from maillage.stack.errors import StackError
from maillage.stack.postgres import ADMINISTRATOR, SETTINGS
from maillage.testing.servers import PostgresServer, free_ports, run_apart

POSTGRES_IMAGE = "postgres:18"
HOST = "127.0.0.1"
READY_SECONDS = 120.0
STOP_SECONDS = 20
OWNER = "maillage.test.session"
"""Label of everything we start: the machine and the process that it belongs to."""
LOG_LINES = 15


class ContainerServer:
    """One server in a container, which fault tests may kill and start again on the same data and port."""

    def __init__(
        self, image: str, container: DockerContainer, end_signal: str, wait_ready: Callable[[], str | None]
    ) -> None:
        self.kind = image
        self._made = container.with_kwargs(**container._kwargs, labels=owned())
        self._end_signal = end_signal
        self._wait_ready = wait_ready

    def start(self) -> str:
        """Start it and return its version once it answers."""
        if self._made._container is None:
            self._made.start()
        else:
            self._made.get_wrapped_container().start()
        return self._until_ready()

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        self._end("SIGKILL")

    def stop(self) -> None:
        """End it without caring for its clients; its data stay until `close`."""
        self._end(self._end_signal)

    def pause(self) -> None:
        """Let it stand still, with its connections open."""
        self._made.get_wrapped_container().pause()

    def go_on(self) -> None:
        """Let it go on."""
        self._made.get_wrapped_container().unpause()

    def close(self) -> None:
        """Remove it with its data."""
        self._made.stop()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        container = self._made.get_wrapped_container()
        container.reload()
        return str(container.status) in ("running", "paused")

    @property
    def pid(self) -> int | None:
        """None: its processes are the engine's."""
        return None

    def _end(self, signal: str) -> None:
        if self.alive:
            container = self._made.get_wrapped_container()
            container.kill(signal)
            container.wait(timeout=STOP_SECONDS)

    def _until_ready(self) -> str:
        deadline = time.monotonic() + READY_SECONDS
        while (version := self._wait_ready()) is None:
            if not self.alive or time.monotonic() > deadline:
                log = self._made.get_wrapped_container().logs(tail=LOG_LINES).decode("utf-8", "replace")
                raise StackError(f"{self.kind} ne répond pas · does not answer", f"son journal · its log:\n{log}")
            time.sleep(0.1)
        return version


def require_engine() -> None:
    """Raise Refusal where no Docker engine answers."""
    try:
        client = DockerClient()
        try:
            client.client.ping()
        finally:
            client.client.close()
    except (DockerException, OSError) as error:
        raise Refusal(
            "AUCUN MOTEUR DOCKER NE RÉPOND : les tests sur conteneurs n'ont PAS été joués"
            f" · NO DOCKER ENGINE ANSWERS: the tests on containers were NOT run ({type(error).__name__})"
        ) from None


def start_postgres() -> PostgresServer:
    """Start a PostgreSQL as durable as that of a site, with the settings of the embedded one."""
    remove_left_behind()
    port, password = free_ports(1)[0], secrets.token_hex(16)
    dsn = f"postgresql://{ADMINISTRATOR}:{password}@{HOST}:{port}/postgres"
    container = DockerContainer(POSTGRES_IMAGE).with_envs(
        POSTGRES_PASSWORD=password,
        POSTGRES_INITDB_ARGS="--auth=scram-sha-256 --encoding=UTF8 --locale=C --locale-provider=builtin"
        " --builtin-locale=C.UTF-8 --data-checksums",
    )
    container.with_command(
        ["postgres", *(part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}"))]
    )
    publish(container, 5432, port)
    server = ContainerServer(POSTGRES_IMAGE, container, "SIGQUIT", lambda: run_apart(lambda: _version(dsn)))
    with closed_on_error(server):
        return PostgresServer(dsn, server.start(), server)


def publish(container: DockerContainer, inside: int, outside: int) -> None:
    """Open a port of the container on this machine's loopback, and nowhere else."""
    container.ports[f"{inside}/tcp"] = (HOST, outside)  # type: ignore[assignment]  # Docker's client takes an address too


@contextmanager
def closed_on_error(server: ContainerServer) -> Iterator[None]:
    """Leave no container behind when its start fails."""
    try:
        yield
    except BaseException:
        server.close()
        raise


def owned() -> dict[str, str]:
    """Return the label of what this process starts."""
    return {OWNER: f"{socket.gethostname()}:{os.getpid()}"}


def remove_left_behind() -> None:
    """Remove containers and networks of sessions of this machine that were killed."""
    client = DockerClient().client
    try:
        for found in client.containers.list(all=True, filters={"label": OWNER}):
            if _orphan(found.labels[OWNER]):
                _removed(partial(found.remove, force=True, v=True))
        for network in client.networks.list(filters={"label": OWNER}):
            if _orphan(network.attrs["Labels"][OWNER]):
                _removed(network.remove)
    finally:
        client.close()


def _removed(remove: Callable[[], object]) -> None:
    try:
        remove()
    except NotFound:
        return  # another session was faster


def _orphan(owner: str) -> bool:
    machine, _, process = owner.rpartition(":")
    return machine == socket.gethostname() and process.isdigit() and not Path(f"/proc/{process}").exists()


async def _version(dsn: str) -> str | None:
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    try:
        # As on the embedded server: a service's role belongs in its own database and in no other.
        await connection.execute("REVOKE ALL ON DATABASE postgres FROM PUBLIC")
        version: str = await connection.fetchval("SHOW server_version")
        return version.split(" ")[0]
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    finally:
        connection.terminate()
