"""The trace viewer of a run: fetched while other things happen, started when they are over, missed by nobody.

Whatever goes wrong with it is one line; the run goes on without.
"""

from __future__ import annotations

import asyncio

from maillage import ports
from maillage.concurrency import in_daemon_thread
from maillage.errors import Refusal
from maillage.progress import Progress
from maillage.services import spans_go_elsewhere
from maillage.settings import LocalSettings
from maillage.stack.zipkin import Zipkin, ZipkinConfig
from maillage.supervisor import Part, Supervisor

READY_SECONDS = 60.0
"""5-8 s on an idle machine."""


def wanted(settings: LocalSettings) -> bool:
    """Tell whether this run has spans to show, and a viewer to show them."""
    return settings.has_zipkin and not spans_go_elsewhere()


class Viewer:
    """Zipkin, prepared from the moment of construction on."""

    def __init__(self, settings: LocalSettings, supervisor: Supervisor, progress: Progress) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._progress = progress
        self._zipkin = Zipkin(
            ZipkinConfig(settings.data_dir / "zipkin", settings.logs_dir / "zipkin.log", settings.zipkin_port)
        )
        self._prepared = asyncio.create_task(in_daemon_thread(lambda: self._zipkin.prepare(progress.step)))
        self._started: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start it in the background, once it is prepared."""
        self._started = asyncio.create_task(self._start())

    async def close(self) -> None:
        """Give up what has not happened yet; the supervisor ends what runs."""
        tasks = [task for task in (self._prepared, self._started) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self) -> None:
        try:
            await self._prepared
            trouble = ports.trouble_with(ports.viewer(self._settings))
            if trouble:
                port = self._settings.zipkin_port
                raise Refusal(f"le port {port} {trouble} (MAILLAGE_ZIPKIN_PORT en choisit un autre)")
            zipkin = self._zipkin
            part = Part(
                zipkin.command(), "server", "Zipkin", zipkin.url, zipkin.wait_ready, zipkin.diagnose,
                READY_SECONDS, optional=True,
            )  # fmt: skip
            version = await self._supervisor.start(part)
        except Refusal as refusal:
            self._absent(refusal.sentence)
        except OSError as error:
            self._absent(error.strerror or type(error).__name__)
        else:
            self._progress.step(f"Zipkin {version} montre les traces : {self._zipkin.url}/zipkin/ · trace viewer ready")

    def _absent(self, reason: str) -> None:
        self._progress.step(f"Sans Zipkin, et tout le reste marche : {reason} · no trace viewer, all the rest works")
