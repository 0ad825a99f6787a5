"""Start everything in order, tell each step, play the demonstration once, stay until asked to stop.

PostgreSQL and Kafka start side by side; databases follow the one and topics the other; the services start together.
Whatever ends the start half-way, what had started is stopped before this returns.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM

from maillage import databases, desk_part, ports, services, viewer
from maillage.concurrency import leave, together
from maillage.data_folder import prepare_folder
from maillage.errors import Refusal
from maillage.lock import exclusive
from maillage.processes import die_with_parent, end_leftovers
from maillage.progress import Progress
from maillage.secrets import SERVICE_NAMES, Secrets
from maillage.servers import KafkaServer, PostgresServer
from maillage.settings import LocalSettings
from maillage.status_file import StatusFile
from maillage.supervisor import Supervisor


def up(settings: LocalSettings, *, story: bool, stop_with_parent: bool) -> int:
    """Run until stopped; return the exit code. Refuses when another supervisor holds the data folder."""
    progress = Progress()
    if stop_with_parent:
        die_with_parent(SIGTERM, parent=os.getppid())()
    prepare_folder(settings.data_dir)
    with exclusive(settings.run_dir / "lock"):
        code = asyncio.run(_Run(settings, progress, story).until_stopped())
    leave(code)
    return code


def command_name() -> str:
    """Return what a person types to reach this command: `make run` does not put it on their PATH."""
    called = Path(sys.argv[0])
    if shutil.which(called.name) or not called.is_file():
        return "maillage"
    here = Path.cwd()
    return str(called.resolve().relative_to(here) if called.resolve().is_relative_to(here) else called)


@dataclass
class _Run:
    settings: LocalSettings
    progress: Progress
    story: bool
    secrets: Secrets = field(init=False)
    supervisor: Supervisor = field(init=False)
    viewer: viewer.Viewer | None = None

    async def until_stopped(self) -> int:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (SIGINT, SIGTERM, SIGHUP):
            loop.add_signal_handler(number, stopped.set)
        status = StatusFile(self.settings.run_dir / "status.json")
        self._refuse_or_clean(status)
        self.secrets = Secrets(self.settings.secrets_dir)
        self.supervisor = Supervisor(status, self.progress)
        starting = asyncio.create_task(self._start())
        waiting = asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await waiting
            return 0 if starting.done() else 130
        finally:
            starting.cancel()
            waiting.cancel()
            await asyncio.gather(starting, waiting, return_exceptions=True)
            if self.viewer is not None:
                await self.viewer.close()
            if stopped.is_set():
                self.progress.line()
                self.progress.step("Arrêt des services, puis des serveurs · stopping")
            await self.supervisor.stop()
            if stopped.is_set():
                self.progress.step("Tout est arrêté, les données sont gardées · all stopped, data kept")

    def _refuse_or_clean(self, status: StatusFile) -> None:
        before = status.read()
        if before is not None:
            count = end_leftovers(before.processes())
            if count:
                self.progress.step(f"{count} processus d'un lancement interrompu arrêtés · leftovers ended")
        services.refuse_mute_site(self.settings)
        ports.refuse_busy(ports.needed(self.settings, SERVICE_NAMES))

    async def _start(self) -> None:
        self.progress.step(f"Données dans {self.settings.data_dir} · data folder")
        self.secrets.generate()
        postgres = PostgresServer(self.settings, self.supervisor, self.progress)
        kafka = KafkaServer(self.settings, self.supervisor, self.progress)
        dsns: dict[str, str] = {}

        async def rows() -> None:
            admin_dsn = await postgres.start()
            done = await databases.prepare(admin_dsn, self.settings, self.secrets)
            dsns.update(done.dsns)
            self.progress.step(
                f"{len(done.dsns)} bases de données à jour, {done.applied} migrations appliquées · databases up to date"
            )

        async def bus() -> None:
            await kafka.start()
            count = await kafka.ensure_topics()
            self.progress.step(f"{count} sujets Kafka en place · topics in place")

        await together(rows(), bus(), self._start_desk())
        endpoints = services.Endpoints(kafka.bootstrap, kafka.partner_bootstrap, dsns)
        await together(*(self._start_service(name, endpoints) for name in SERVICE_NAMES))
        if viewer.wanted(self.settings):
            self.viewer = viewer.Viewer(self.settings, self.supervisor, self.progress)
        if self.story and self.settings.stack != "site":
            await self._play()
        self.supervisor.everything_ready()
        self.progress.line(
            f"Maillage is ready · Maillage est prêt : {self.settings.url_of('portal')}"
            f" · {command_name()} status montre tout, Ctrl-C arrête"
        )
        if self.viewer is not None:
            # After the story: on two cores a JVM that starts takes one of them for five seconds.
            self.viewer.start()

    async def _start_desk(self) -> None:
        if self.settings.has_desk:
            await self.supervisor.start(desk_part.part(self.settings, self.secrets))
            self.progress.step(f"Guichet prêt : {self.settings.desk_url}/mail, /sms · desk of mails and SMS ready")

    async def _start_service(self, name: str, endpoints: services.Endpoints) -> None:
        part = services.part(name, self.settings, self.secrets, endpoints)
        version = await self.supervisor.start(part)
        self.progress.step(f"{name} {version} prêt : {part.url} · ready")

    async def _play(self) -> None:
        from maillage import story

        try:
            await story.play(self.settings, self.secrets, self.progress)
        except Refusal as refusal:
            # The platform is up: a demonstration that fails is told, and may be played again by `maillage story`.
            self.progress.step(f"La démonstration n'a pas abouti : {refusal.sentence}")
            self.progress.line(f"{'':8}  → {refusal.remedy or 'maillage doctor'}, puis : maillage story")
