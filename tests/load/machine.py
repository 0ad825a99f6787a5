"""What the figures were measured on: the machine, the versions, and whether it had other work to do."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psutil
from tests.load.servers import Servers

PACKAGES = ("aiokafka", "asyncpg", "faststream", "fastapi", "pydantic", "uvicorn", "uvloop")


class Watch:
    """How much of the machine others used while the bench ran: a figure is worth less the more that is."""

    def __init__(self, servers: Servers) -> None:
        self._servers = [
            psutil.Process(server.process.pid)
            for server in (servers.postgres, servers.kafka)
            if server.process is not None and server.process.pid is not None
        ]
        self._all_ours = len(self._servers) == 2
        self._started = time.monotonic()
        self._busy, self._own, self._stolen = _busy_seconds(), self._own_seconds(), _stolen_seconds()

    def describe(self) -> str:
        """Return one sentence."""
        if not self._all_ours:
            return "unknown: the servers are not this run's own"
        seconds = time.monotonic() - self._started
        others = (_busy_seconds() - self._busy) - (self._own_seconds() - self._own)
        return (
            f"other processes used {max(0.0, others) / seconds:.2f} of the {os.cpu_count()} cores on average "
            f"during the {seconds / 60:.0f} minutes of the run, and the host withheld "
            f"{(_stolen_seconds() - self._stolen) / seconds:.2f}"
        )

    def _own_seconds(self) -> float:
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system + sum(map(_tree, self._servers))


def _tree(process: psutil.Process) -> float:
    """Return the processor time of a server, its children, and its children that have ended."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _stolen_seconds() -> float:
    # Of a virtual machine whose host had other guests to run.
    return float(getattr(psutil.cpu_times(), "steal", 0.0))


def describe(servers: Servers) -> Iterator[tuple[str, str]]:
    """Yield what a reader needs to judge the figures, by name."""
    memory = psutil.virtual_memory().total / 2**30
    # What follows the first two numbers is the build of whoever runs the machine: it tells a reader nothing.
    kernel = ".".join(platform.release().split(".")[:2])
    yield "Machine", f"{os.cpu_count()} cores, {_processor()}, {memory:.0f} GiB, Linux {kernel}"
    yield "Servers", f"{servers.postgres}, {servers.kafka}: on the same machine, as are the arms and the load"
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    yield "Software", f"Python {platform.python_version()}, {packages}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
