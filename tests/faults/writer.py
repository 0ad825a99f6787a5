"""The workload: commands on a few subjects, whose events are committed with them; some are taken back, some are bad.

Everything is drawn from the trial's own generator: the same seed writes the same commands in the same order.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg
from tests.faults.oracle import Said

from chassis.db import Database
from chassis.errors import DependencyDown
from chassis.outbox import OutboxRow, append, row_of
from chassis.testing.events import AT, received, submitted
from maillage_contracts import encode, envelope_for

LEDGER = "CREATE TABLE commands (event_id uuid PRIMARY KEY, subject uuid NOT NULL, version int NOT NULL)"
RECORD = """
INSERT INTO commands SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[]) ON CONFLICT DO NOTHING RETURNING event_id
"""
RETRY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Workload:
    """What a writer does."""

    subjects: int = 12
    events_max: int = 8
    """Events in one command."""
    pause_seconds: float = 0.01
    held_seconds: float = 0.0
    """Longest time that a transaction stays open after its events were written."""
    rolled_back_share: float = 0.1
    poison_share: float = 0.02


class TakenBack(Exception):
    """A command that decides against itself after writing its events."""


class Writer:
    """Gives commands on subjects of its own, and keeps what it was told."""

    def __init__(self, db: Database, topic: str, workload: Workload, chance: random.Random) -> None:
        self.acknowledged: set[UUID] = set()
        self.commands = 0
        self.unknown = 0
        """Commits whose outcome was not told, and that were repeated."""
        self._db = db
        self._topic = topic
        self._workload = workload
        self._chance = chance
        self._versions = {self._new_id(): 0 for _ in range(workload.subjects)}
        self._subjects = list(self._versions)

    async def run(self, stop: asyncio.Event) -> None:
        """Write until told to stop; a command is repeated until its outcome is known."""
        while not stop.is_set():
            await self.command()
            await asyncio.sleep(self._workload.pause_seconds)

    async def command(self) -> None:
        """Give one command."""
        drawn = [self._draw() for _ in range(self._chance.randint(1, self._workload.events_max))]
        take_back = self._chance.random() < self._workload.rolled_back_share
        held = self._chance.uniform(0, self._workload.held_seconds)
        while True:
            try:
                await self._commit(drawn, held, take_back=take_back)
            except TakenBack:
                # Its versions were never used: the next command's events take them again, with ids of their own.
                for said, _ in reversed(drawn):
                    if said.subject in self._versions:
                        self._versions[said.subject] = said.version - 1
                return
            except (DependencyDown, OSError, asyncpg.InterfaceError, asyncpg.PostgresError):
                self.unknown += 1
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self.acknowledged |= {said.event_id for said, _ in drawn}
            self.commands += 1
            return

    async def _commit(self, drawn: Sequence[tuple[Said, OutboxRow]], held: float, *, take_back: bool) -> None:
        events = [said for said, _ in drawn]
        columns = [e.event_id for e in events], [e.subject for e in events], [e.version for e in events]
        async with self._db.transaction() as tx:
            # A repeat of what had been committed finds its own rows, and adds nothing.
            if await tx.fetch(RECORD, *columns):
                await append(tx, *(row for _, row in drawn))
            if held:
                await asyncio.sleep(held)
            if take_back:
                raise TakenBack
        with contextlib.suppress(DependencyDown, OSError, asyncpg.InterfaceError, asyncpg.PostgresError):
            async with self._db.connection() as connection:
                await connection.execute("NOTIFY outbox")

    def _draw(self) -> tuple[Said, OutboxRow]:
        event_id = self._new_id()
        if self._chance.random() < self._workload.poison_share:
            # A subject of its own: whatever followed under its key would be held behind it.
            said = Said(event_id, self._new_id(), 1)
            return said, replace(self._row(said), payload=b"{")
        subject = self._chance.choice(self._subjects)
        self._versions[subject] += 1
        said = Said(event_id, subject, self._versions[subject])
        return said, self._row(said)

    def _row(self, said: Said) -> OutboxRow:
        event = submitted(said.subject) if said.version == 1 else received(said.subject, said.version)
        envelope = envelope_for(
            event, id=said.event_id, source="/referrals", time=AT, correlation_id=said.subject, traceparent=None
        )
        record = encode(event, envelope)
        return row_of(said.event_id, envelope.type, self._topic, record.key, record.headers, record.value)

    def _new_id(self) -> UUID:
        return UUID(int=self._chance.getrandbits(128), version=4)


@asynccontextmanager
async def writing(writers: Sequence[Writer]) -> AsyncIterator[None]:
    """Let writers work beside the block; each finishes its command at the end."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(writer.run(stop)) for writer in writers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)
