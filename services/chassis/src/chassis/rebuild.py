"""Rebuild a service's projections from its topics in an empty database, and compare them with the live ones by hash.

The service's own subscriptions read, and nothing else runs: no relay, no timer, no claim check, no HTTP. No group is
joined and no offset committed; the live database is only read. What is read ends where the topics ended at the start;
if events come meanwhile, they are caught up with before comparing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg
from fastapi import FastAPI

from chassis import compare, seeding
from chassis.app import Parts
from chassis.compare import Compared
from chassis.consumer import Processor
from chassis.errors import DependencyDown
from chassis.outbox import Doorbell
from chassis.projections import DIRECTORY, Projection, subscriptions_for
from chassis.reading import Positions, Reading
from chassis.records import Source
from chassis.runtime import Runtime

REPORT_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
"""How long a database may stay silent before a replay gives up; starting anew costs nothing but time."""

LIVE_SECONDS = 15.0
"""How long the live service may take to read what the topics held when a comparison began."""

ROUNDS = 5
"""Comparisons tried while events keep coming; afterwards a difference proves nothing."""

Report: TypeAlias = Callable[[Mapping[str, Any]], None]
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class ReplayRefused(Exception):
    """A replay cannot start, or cannot go on; `code` says for which of a few reasons."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Result:
    """What a replay found. Counts and hashes, never values."""

    gone: Mapping[str, int]
    """Topic -> records that it no longer has."""
    records: int = 0
    seconds: float = 0.0
    tables: Sequence[Compared] = ()
    still: bool = True
    """Whether nothing was published between reading the live tables and the topics' ends."""
    behind: int = 0
    """Records that the live service had not handled when its tables were read."""
    set_aside: Mapping[str, int] = field(default_factory=dict)
    ignored: int = 0

    @property
    def verdict(self) -> str:
        """Return equal, contained, differs or undecided."""
        if all(table.equal for table in self.tables):
            return "equal"
        if not self.still or self.behind:
            return "undecided"
        return "contained" if self.gone and all(table.contained for table in self.tables) else "differs"

    def document(self) -> dict[str, Any]:
        """Return what is told of it."""
        return {
            "verdict": self.verdict,
            "first_difference": next((table.table for table in self.tables if not table.equal), None),
            "records": self.records,
            "seconds": round(self.seconds, 3),
            "records_gone": dict(self.gone),
            "events_kept_coming": not self.still,
            "live_is_behind": self.behind,
            "dead_letters": dict(self.set_aside),
            "unknown_types": self.ignored,
            "tables": [table.document() for table in self.tables],
        }


class Rebuild:
    """One replay of one service, whose app was composed on the empty database."""

    def __init__(self, app: FastAPI, live_dsn: str, report: Report) -> None:
        self._runtime: Runtime = app.state.runtime
        self._parts: Parts = app.state.parts
        self._live_dsn = live_dsn
        self._report = report
        runtime = self._runtime
        self.tables: Sequence[Projection] = (*DIRECTORY, *self._parts.projections.tables)
        readers = [*self._parts.subscriptions, *runtime.directory.subscriptions()]
        self._processors = [
            Processor(runtime.service, subscription, runtime.background_db, runtime.clock, Doorbell())
            for subscription in subscriptions_for(self.tables, readers)
        ]
        self._positions: dict[str, Positions] = {}
        self._started = self._reported = time.monotonic()
        self._done = self._total = 0

    async def run(self, *, what_is_left: bool = False) -> Result:
        """Rebuild and compare; raises ReplayRefused when topics have lost records, unless `what_is_left` will do."""
        settings, service = self._runtime.settings, self._runtime.service
        if not settings.kafka_bootstrap:
            raise ReplayRefused("no_topics", f"{service} reads no topic")
        rebuilt_dsn = settings.database_dsn.get_secret_value()
        live, rebuilt = await compare.connect(self._live_dsn), await compare.connect(rebuilt_dsn)
        try:
            await seeding.refuse_used(live, rebuilt, [table.table for table in self.tables])
            async with Reading(settings, service) as reading:
                gone = await self._look(reading)
                if gone and not what_is_left:
                    raise ReplayRefused("records_gone", f"{sum(gone.values())} records are past their retention")
                await self._catch_up(reading)
                return await self._compare(reading, live, rebuilt, Result(gone))
        finally:
            await live.close()
            await rebuilt.close()
            await self._runtime.background_db.close()

    async def _look(self, reading: Reading) -> dict[str, int]:
        """Remember where each topic begins; return how many records each has lost."""
        for processor in self._processors:
            topic = processor.subscription.topic
            self._positions[topic] = await reading.begins(topic)
        lost = {topic: sum(begins.values()) for topic, begins in self._positions.items()}
        return {topic: count for topic, count in lost.items() if count}

    async def _catch_up(self, reading: Reading) -> None:
        """Read every topic from where we are to where it ends now."""
        await seeding.seed(self._live_dsn, self._runtime.settings.database_dsn.get_secret_value(), self._parts)
        ends = await self._ends(reading)
        self._total = self._done + sum(
            end - self._positions[topic][partition] for topic in ends for partition, end in ends[topic].items()
        )
        for processor in self._processors:
            topic = processor.subscription.topic
            async for sources in reading.batches(self._positions[topic], ends[topic]):
                await _process(processor, sources)
                self._tell(len(sources))
            self._positions[topic] = ends[topic]

    async def _ends(self, reading: Reading) -> dict[str, Positions]:
        return {topic: await reading.ends(known) for topic, known in self._positions.items()}

    def _tell(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._reported < REPORT_SECONDS and self._done < self._total:
            return
        self._reported = now
        rate = self._done / max(now - self._started, 0.001)
        left = round((self._total - self._done) / rate) if rate else None
        self._report({"records": self._done, "total": self._total, "per_second": round(rate), "left_seconds": left})

    async def _compare(self, reading: Reading, live: Connection, rebuilt: Connection, result: Result) -> Result:
        for number in range(1, ROUNDS + 1):
            result.behind = 0
            for processor in self._processors:
                positions = self._positions[processor.subscription.topic]
                result.behind += await reading.lag(processor.consumer, positions, LIVE_SECONDS)
            async with live.transaction(), rebuilt.transaction():
                result.tables = [await compare.compare(live, rebuilt, table) for table in self.tables]
            result.still = await self._ends(reading) == self._positions
            if result.still or number == ROUNDS or all(table.equal for table in result.tables):
                break
            await self._catch_up(reading)
        result.set_aside = {"live": await self._letters(live), "rebuilt": await self._letters(rebuilt)}
        result.records, result.seconds = self._done, time.monotonic() - self._started
        result.ignored = sum(processor.ignored for processor in self._processors)
        return result

    async def _letters(self, connection: Connection) -> int:
        names = [processor.consumer for processor in self._processors]
        found: int = await connection.fetchval("SELECT count(*) FROM dead_letters WHERE consumer = ANY ($1)", names)
        return found


async def _process(processor: Processor, sources: Sequence[Source]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            await processor.process(sources)
        except DependencyDown as error:
            if processor.stopped or time.monotonic() > until:
                raise ReplayRefused("cannot_handle", f"{processor.consumer}: {error}") from None
            await asyncio.sleep(0.5)
        else:
            return
