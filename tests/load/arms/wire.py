"""An arm's end of the pipe to the bench: settings in the first argument, words on stdin, JSON lines on stdout.

Every arm runs in a process of its own, on uvloop, and says `ready` once its connections are open: what it does before
that is not measured. Whatever a library prints goes to stderr, so that the pipe holds answers only.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import uvloop

LINE_BYTES_MAX = 1024


class Wire:
    """What an arm is told and what it answers."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = json.loads(sys.argv[1])
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._words: asyncio.StreamReader | None = None

    def say(self, **fields: Any) -> None:
        """Send one answer."""
        self._out.write(json.dumps(fields) + "\n")
        self._out.flush()

    async def ready(self) -> None:
        """Say that everything is open, and return when told to go."""
        self.say(ready=True)
        async for _ in self.words():
            return

    async def words(self) -> AsyncIterator[str]:
        """Yield the lines that the bench sends until it closes the pipe or says `stop`."""
        if self._words is None:
            self._words = asyncio.StreamReader(limit=LINE_BYTES_MAX)
            protocol = asyncio.StreamReaderProtocol(self._words)
            await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        while line := (await self._words.readline()).decode().strip():
            if line == "stop":
                return
            yield line


class Meter:
    """Wall clock and processor time since a moment."""

    def __init__(self) -> None:
        self._wall = time.monotonic_ns()
        self._cpu = time.process_time_ns()

    def read(self) -> dict[str, float]:
        """Return the seconds since then, by the clock and of this process's processor time."""
        return {
            "seconds": (time.monotonic_ns() - self._wall) / 1e9,
            "cpu_seconds": (time.process_time_ns() - self._cpu) / 1e9,
        }


class Marks:
    """When events were handled: one mark after each commit.

    A rate is counted from the first mark to the last, without the events of the first: start-up, joining the group and
    filling the first batch are not part of it, for any arm. With `keep_times` each event's moment is kept by id, on
    the monotonic clock, which all processes of a machine share.
    """

    def __init__(self, expected: int, *, keep_times: bool = False) -> None:
        self.enough = asyncio.Event()
        self._expected = expected
        self._keep = keep_times
        self._times: dict[str, int] = {}
        self._handled = 0
        self._first: tuple[int, int, int] | None = None
        self._last = (0, 0)

    def note(self, ids: Sequence[str]) -> None:
        """Record that these events are committed now."""
        now, cpu = time.monotonic_ns(), time.process_time_ns()
        self._handled += len(ids)
        if self._first is None:
            self._first = (now, cpu, len(ids))
        self._last = (now, cpu)
        if self._keep:
            # A repeat is not when the event was handled.
            for one in ids:
                self._times.setdefault(one, now)
        if self._handled >= self._expected:
            self.enough.set()

    def result(self) -> dict[str, Any]:
        """Return what was counted."""
        wall, cpu, count = self._first or (0, 0, 0)
        return {
            "handled": self._handled,
            "counted": self._handled - count,
            "seconds": (self._last[0] - wall) / 1e9,
            "cpu_seconds": (self._last[1] - cpu) / 1e9,
            "times": self._times,
        }


async def until_terminated() -> None:
    """Return on SIGTERM."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


def run(main: Callable[[Wire], Awaitable[None]]) -> None:
    """Run an arm to its end."""

    async def whole() -> None:
        await main(Wire())

    uvloop.run(whole())
