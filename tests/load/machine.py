"""What the figures were measured on: the machine, the versions, and whether it had other work to do."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psutil
from tests.load.servers import Servers

PACKAGES = ("aiokafka", "asyncpg", "faststream", "fastapi", "pydantic", "uvicorn", "uvloop")


class Watch:
    """How busy the machine was while the bench ran, and with whose work."""

    def __init__(self) -> None:
        psutil.cpu_percent()
        self.before = _busy_share(1.0)
        """Share of all cores in use just before the first arm, the idle servers of the bench included."""

    def describe(self) -> str:
        """Return one sentence."""
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        return (
            f"Just before the first arm {self.before:.0%} of the processor was in use; "
            f"at the end the load averages were {load}."
        )


def _busy_share(seconds: float) -> float:
    return float(psutil.cpu_percent(interval=seconds)) / 100


def describe(servers: Servers) -> Iterator[tuple[str, str]]:
    """Yield what a reader needs to judge the figures, by name."""
    memory = psutil.virtual_memory().total / 2**30
    yield "Machine", f"{os.cpu_count()} cores, {_processor()}, {memory:.0f} GiB, Linux {platform.release()}"
    yield "Servers", f"{servers.postgres}, {servers.kafka}: on the same machine, as are the arms and the load"
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    yield "Software", f"Python {platform.python_version()}, {packages}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
