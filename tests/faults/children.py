"""The rig's processes, as the rig sees them: started through the nursery, signalled, waited for, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from maillage.processes import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 120.0
"""Two or three on an idle machine: everything is imported once."""


class Child:
    """One process of a trial."""

    def __init__(self, module: str, log: Path) -> None:
        self.module = module
        self.log = log
        self.pid = 0
        self._started = asyncio.Event()
        self._ended = asyncio.Event()
        self.code: int | None = None

    @property
    def alive(self) -> bool:
        """Whether its end has not been told."""
        return self.pid > 0 and self.code is None

    def said(self) -> str:
        """Return what it has printed until now."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; one that has ended gets none."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)

    @property
    def stopped(self) -> bool:
        """Whether it stands still by SIGSTOP."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "T"
        except OSError:
            return False

    async def started(self) -> None:
        """Return once it has a pid."""
        await self._started.wait()

    async def ended(self, seconds: float) -> bool:
        """Return whether it ended within `seconds`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        return self._ended.is_set()

    def tell(self, pid: int | None = None, code: int | None = None) -> None:
        """Take note of what the nursery says."""
        if pid is not None:
            self.pid = pid
            self._started.set()
        if code is not None:
            self.code = code
            self._ended.set()


class Nursery:
    """Starts children."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count()
        self._asked: dict[int, Child] = {}
        self._running: dict[int, Child] = {}

    async def start(self, module: str, *argv: str, log: Path, environment: Mapping[str, str]) -> Child:
        """Start `python -m module` with this environment and nothing of the rig's own settings."""
        child, number = Child(module, log), next(self._numbers)
        self._asked[number] = child
        inherited = {n: text for n, text in os.environ.items() if not n.startswith(("MAILLAGE_", "OTEL_", "PYTEST_"))}
        words = {"id": number, "module": module, "argv": argv, "log": str(log), "env": {**inherited, **environment}}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")
        await asyncio.wait_for(child.started(), READY_SECONDS)
        return child

    async def listen(self) -> None:
        """Hand on what the nursery says, until it ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            words = json.loads(line)
            if "id" in words:
                child = self._running[words["pid"]] = self._asked.pop(words["id"])
                child.tell(pid=words["pid"])
            elif "code" in words:
                self._running.pop(words["pid"]).tell(code=words["code"])


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """Give a nursery; it and its children end with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.nursery",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )  # fmt: skip
    assert process.stdout is not None
    listening: asyncio.Task[None] | None = None
    try:
        await asyncio.wait_for(process.stdout.readline(), READY_SECONDS)
        found = Nursery(process)
        listening = asyncio.create_task(found.listen())
        yield found
    finally:
        process.kill()
        await process.wait()
        if listening is not None:
            await listening
