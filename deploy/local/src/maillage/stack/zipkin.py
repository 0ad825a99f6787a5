"""Zipkin on this machine: the trace viewer, in memory only, on the JVM that Kafka runs on.

Nothing depends on it: it may be absent, late or dead, and everything else runs. It listens on loopback and knows what
spans know: no names.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGKILL

import httpx

from maillage.api import http_client
from maillage.stack import jvm
from maillage.stack.command import Command, Report
from maillage.stack.errors import StackError
from maillage.stack.jars import ZIPKIN, JarSources, ensure_jars, read_lock

HOST = "127.0.0.1"
SPANS_MAX = 30_000
HEAP_MB = 256
"""With 30,000 spans about 395 MB resident; 128 MB with 50,000 died."""
LOOK_BACK_MILLISECONDS = 24 * 3600 * 1000
"""What the search page shows before anybody chooses."""
SEARCHABLE = (
    "messaging.message.conversation_id",
    "messaging.destination.name",
    "messaging.consumer.group.name",
    "maillage.notice.template",
    "maillage.timer.kind",
    "error.type",
    "http.route",
)
"""Tags whose values the search page completes; the first is the story's correlation id."""


@dataclass(frozen=True, slots=True)
class ZipkinConfig:
    """Where the viewer's few files are and where it listens."""

    directory: Path
    log_file: Path
    port: int = 9411
    jars: JarSources | None = None
    """None: from the environment."""


class Zipkin:
    """One trace viewer."""

    def __init__(self, config: ZipkinConfig) -> None:
        self._config = config
        (self._jar,) = read_lock(name=ZIPKIN)
        self._path: Path | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self._config.port}"

    def prepare(self, report: Report) -> None:
        """Make its jar exist; blocks (fetching 86 MB the first time), raises StackError or OSError when it cannot."""
        # A distribution of Kafka that somebody named holds no Zipkin.
        sources = replace(self._config.jars or JarSources.from_environment(), kafka_home=None)
        (self._path,) = ensure_jars(sources, report, (self._jar,), owner="Zipkin")
        self._config.directory.mkdir(parents=True, exist_ok=True)
        jvm.write_arguments(self._config.directory / "zipkin.args", self._arguments(self._path))

    def command(self) -> Command:
        """Describe it as a foreground process; call `prepare` first."""
        if self._path is None:
            raise RuntimeError("prepare() comes first")
        own = {
            "STORAGE_TYPE": "mem",
            "MEM_MAX_SPANS": str(SPANS_MAX),
            "AUTOCOMPLETE_KEYS": ",".join(SEARCHABLE),
            "ZIPKIN_UI_DEFAULT_LOOKBACK": str(LOOK_BACK_MILLISECONDS),
        }
        return Command(
            name="zipkin",
            argv=(str(jvm.java()), f"@{self._config.directory / 'zipkin.args'}"),
            env=jvm.environment() | own,
            cwd=self._config.directory,
            log_file=self._config.log_file,
            # It holds nothing to save, and a polite end takes it seconds.
            stop_signal=SIGKILL,
        )

    async def wait_ready(self, timeout: float) -> str:
        """Return its version once it answers; raise StackError when it does not within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        async with http_client(5) as http:
            while time.monotonic() < deadline:
                try:
                    if (await http.get(f"{self.url}/health")).status_code == 200:
                        return self._jar.version
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.2)
        raise StackError(
            f"Zipkin ne répond pas après {timeout:.0f} s · Zipkin does not answer",
            f"lisez son journal · read its log: {self._config.log_file}",
        )

    def diagnose(self) -> StackError | None:
        """Say nothing: its log tells, and nobody waits for it."""
        return None

    def _arguments(self, jar: Path) -> list[str]:
        # Without the last three it listens on every interface.
        return [
            *jvm.QUIET,
            "-Xms64m",
            f"-Xmx{HEAP_MB}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            f"-XX:ErrorFile={self._config.directory / 'jvm-crash.log'}",
            "-jar",
            str(jar),
            f"--armeria.ports[0].ip={HOST}",
            f"--armeria.ports[0].port={self._config.port}",
            "--armeria.ports[0].protocols[0]=http",
        ]
