"""The processes of the bench: arms, which speak by a pipe (arms/wire.py), and services, which are asked over HTTP.

None inherits settings of Maillage or of OpenTelemetry from whoever runs the bench, and none outlives it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from maillage.processes import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""An answer holds a time for each event of a latency run."""

READY_SECONDS = 120.0
"""A second or two on an idle machine."""

STOP_SECONDS = 10.0
TAIL_CHARACTERS = 2000


class ArmFailed(Exception):
    """An arm ended, or was silent, before it answered; the end of what it printed follows."""


class Arm:
    """One arm's process, as the bench sees it."""

    def __init__(self, process: asyncio.subprocess.Process, module: str, log: Path) -> None:
        self._process = process
        self._module = module
        self._log = log

    @property
    def memory_bytes(self) -> int:
        """How much of the machine's memory its process holds now."""
        return int(psutil.Process(self._process.pid).memory_info().rss)

    async def send(self, word: str) -> None:
        """Say one word; raises ArmFailed when nobody listens any more."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(word.encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError:
            raise self._failed("ended") from None

    async def answer(self, seconds: float) -> dict[str, Any]:
        """Return the next answer; raises ArmFailed when there is none in time."""
        assert self._process.stdout is not None
        line = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                line = await self._process.stdout.readline()
        if not line:
            raise self._failed("no answer")
        found: dict[str, Any] = json.loads(line)
        return found

    def _failed(self, how: str) -> ArmFailed:
        return ArmFailed(f"{self._module}: {how}\n{self._log.read_text('utf-8', 'replace')[-TAIL_CHARACTERS:]}")


@asynccontextmanager
async def arm(folder: Path, module: str, config: Mapping[str, Any]) -> AsyncIterator[Arm]:
    """Start an arm and wait until it is ready; it is ended with the block."""
    argv = [sys.executable, "-m", f"tests.load.arms.{module}", json.dumps(config)]
    async with _process(folder, module, argv, {}, stdout=asyncio.subprocess.PIPE) as (process, log):
        started = Arm(process, module, log)
        await started.answer(READY_SECONDS)
        yield started


@asynccontextmanager
async def service(
    folder: Path, name: str, argv: Sequence[str], environment: Mapping[str, str], health: str
) -> AsyncIterator[psutil.Process]:
    """Start a server and wait until `health` answers 200; it is ended with the block."""
    async with _process(folder, name, argv, environment) as (process, log), httpx.AsyncClient(trust_env=False) as http:
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await http.get(health)).status_code == 200:
                    break
            if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise ArmFailed(f"{name}: not ready\n{log.read_text('utf-8', 'replace')[-TAIL_CHARACTERS:]}")
            await asyncio.sleep(0.05)
        yield psutil.Process(process.pid)


@asynccontextmanager
async def _process(
    folder: Path, name: str, argv: Sequence[str], environment: Mapping[str, str], stdout: int | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=ROOT,
            env={**_inherited(), **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=output if stdout is None else stdout,
            stderr=output,
            limit=ANSWER_BYTES_MAX,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    try:
        yield process, log
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _inherited() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith(("MAILLAGE_", "OTEL_"))}


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)
