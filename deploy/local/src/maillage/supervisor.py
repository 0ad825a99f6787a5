"""Keep a set of child processes running, and end all of them in order.

A part that ends by itself is started again with growing pauses and reported. Stopping ends the services first, so that
they finish what they hold while Kafka and PostgreSQL still answer, then the servers; what has not ended within its
grace is killed. Whatever happens to the caller between `start` and `stop`, no child is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from signal import SIGKILL, Signals
from typing import Literal

from maillage.errors import Refusal
from maillage.processes import Identity, identify, signal_group, spawn
from maillage.progress import Progress, seconds
from maillage.stack.command import Command
from maillage.status_file import PartStatus, State, StatusFile

BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses before the first, second, … restart in a row; the last one repeats."""
STEADY_SECONDS = 60.0
"""A part that ran this long has recovered: its next pause is the first again."""
RESTART_READY_SECONDS = 60.0
"""How long a restarted part may take to be ready before that is reported; it is left running."""
RESTART_LOOK_SECONDS = 1.0
"""Pause before looking again at such a part."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the supervisor needs to know of one process."""

    command: Command
    kind: Literal["server", "service"]
    label: str
    url: str
    wait_ready: Callable[[float], Awaitable[str]]
    """Return the part's version once it is ready, or raise Refusal after so many seconds."""
    diagnose: Callable[[], Refusal | None] | None = None
    """Say why it ended, when its log tells."""
    ready_seconds: float = 60.0
    grace_seconds: float = 4.5
    optional: bool = False
    """The run is complete and ready without it."""

    @property
    def name(self) -> str:
        return self.command.name


@dataclass(slots=True)
class _Child:
    part: Part
    state: State = "starting"
    process: asyncio.subprocess.Process | None = None
    identity: Identity | None = None
    version: str = ""
    restarts: int = 0
    in_a_row: int = 0
    born: float = field(default_factory=time.monotonic)
    keeper: asyncio.Task[None] | None = None

    def status(self) -> PartStatus:
        return PartStatus(
            name=self.part.name,
            kind=self.part.kind,
            state=self.state,
            url=self.part.url,
            log_file=str(self.part.command.log_file),
            pid=self.identity.pid if self.identity else None,
            started=self.identity.started if self.identity else None,
            ready=self.state == "ready",
            version=self.version,
            restarts=self.restarts,
            stop_signal=int(self.part.command.stop_signal),
            optional=self.part.optional,
        )


class Supervisor:
    """Start parts, keep them up, stop them in order."""

    def __init__(self, status: StatusFile, progress: Progress) -> None:
        myself = identify(os.getpid())
        self._identity = myself or Identity(os.getpid(), 0, "")
        self._status = status
        self._progress = progress
        self._children: list[_Child] = []
        self._external: list[PartStatus] = []
        self._complete = False
        self.publish()

    def announce_external(self, part: PartStatus) -> None:
        """Show a server that runs elsewhere among the parts; nothing here starts or stops it."""
        self._external.append(part)
        self.publish()

    def everything_ready(self) -> None:
        """Record that the start is complete."""
        self._complete = True
        self.publish()

    def publish(self) -> None:
        """Write the status file."""
        parts = [*self._external, *(child.status() for child in self._children)]
        self._status.write(self._identity, parts, ready=self._complete)

    async def start(self, part: Part) -> str:
        """Start a part and return its version once it is ready; raise Refusal when it ends or takes too long.

        An optional one that did not start is ended and forgotten.
        """
        child = _Child(part)
        self._children.append(child)
        try:
            return await self._start(child)
        except Refusal:
            if part.optional:
                await self._end(child)
                self._children.remove(child)
                self.publish()
            raise

    async def _start(self, child: _Child) -> str:
        part = child.part
        await self._launch(child)
        if not await self._until_ready(child, part.ready_seconds):
            known = part.diagnose() if part.diagnose else None
            raise known or Refusal(
                f"{part.label} s'est arrêté dès son démarrage ({describe_exit(child.process)})"
                f" · {part.name} ended while starting",
                f"lisez son journal : maillage logs {part.name}",
            )
        child.keeper = asyncio.create_task(self._keep(child), name=f"keep-{part.name}")
        return child.version

    async def stop(self) -> None:
        """End every child: services together, then servers together."""
        self._complete = False
        keepers = [child.keeper for child in self._children if child.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for kind in ("service", "server"):
            await asyncio.gather(*(self._end(child) for child in self._children if child.part.kind == kind))
        self.publish()

    async def _launch(self, child: _Child) -> None:
        self._enter(child, "starting" if child.restarts == 0 else "restarting")
        try:
            child.process = await spawn(child.part.command)
        except OSError as error:
            raise Refusal(
                f"{child.part.label} ne peut pas être lancé ({error.strerror}: {error.filename})"
                f" · {child.part.name} cannot be started",
                "make clean && make run réinstalle les programmes",
            ) from None
        child.identity = identify(child.process.pid)
        child.born = time.monotonic()
        self.publish()

    async def _until_ready(self, child: _Child, patience_seconds: float) -> bool:
        """Tell whether the part became ready before it ended."""
        assert child.process is not None
        ended = asyncio.ensure_future(child.process.wait())
        ready = asyncio.ensure_future(child.part.wait_ready(patience_seconds))
        try:
            await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return False
            child.version = ready.result()
            self._enter(child, "ready")
            return True
        finally:
            for waiting in (ended, ready):
                waiting.cancel()
            await asyncio.gather(ended, ready, return_exceptions=True)

    async def _keep(self, child: _Child) -> None:
        while True:
            assert child.process is not None
            await child.process.wait()
            # What the part had started must not outlive it: a new one would meet its sockets and files.
            signal_group(child.process.pid, SIGKILL)
            cause = describe_exit(child.process)
            child.in_a_row = 0 if time.monotonic() - child.born > STEADY_SECONDS else child.in_a_row
            pause = BACKOFF_SECONDS[min(child.in_a_row, len(BACKOFF_SECONDS) - 1)]
            child.in_a_row += 1
            child.restarts += 1
            child.identity = None
            self._enter(child, "restarting")
            self._progress.step(
                f"{child.part.label} s'est arrêté ({cause}), relance dans {seconds(pause)}"
                f" · {child.part.name} ended, restarting"
            )
            known = child.part.diagnose() if child.part.diagnose else None
            if known is not None:
                self._tell(known)
            await asyncio.sleep(pause)
            try:
                await self._restart(child)
            except Refusal as refusal:
                self._tell(refusal)
            except Exception as error:  # noqa: BLE001  # a keeper that ends would leave its part without one
                self._progress.step(
                    f"{child.part.label} : {type(error).__name__} pendant la relance · while restarting"
                )

    async def _restart(self, child: _Child) -> None:
        await self._launch(child)
        told = False
        while True:
            try:
                if await self._until_ready(child, RESTART_READY_SECONDS):
                    self._progress.step(f"{child.part.label} est de nouveau prêt · {child.part.name} is ready again")
                return
            except Refusal as refusal:
                # It runs and may become ready yet, for instance once Kafka is back: say so once, go on waiting.
                if not told:
                    self._tell(refusal)
                told = True
                await asyncio.sleep(RESTART_LOOK_SECONDS)

    def _tell(self, refusal: Refusal) -> None:
        self._progress.step(refusal.sentence)
        if refusal.remedy:
            self._progress.line(f"{'':8}  → {refusal.remedy}")

    async def _end(self, child: _Child) -> None:
        process = child.process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(child.part.command.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), child.part.grace_seconds)
            # Also reaches what the part itself started.
            signal_group(process.pid, SIGKILL)
            await process.wait()
        child.identity = None
        self._enter(child, "stopped")

    def _enter(self, child: _Child, state: State) -> None:
        child.state = state
        self.publish()


def describe_exit(process: asyncio.subprocess.Process | None) -> str:
    """Say how a process ended, in words a person can search for."""
    code = process.returncode if process is not None else None
    if code is None:
        return "encore en marche"
    return f"signal {Signals(-code).name}" if code < 0 else f"code {code}"
