"""One trial's durable path: commands, outbox, relay, topic, consumer, effects; on servers that may be hurt."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import asyncpg
from tests.faults.children import Child
from tests.faults.oracle import Facts, Said
from tests.faults.proxy import Proxy
from tests.faults.rig import Rig, read_topic, through, until
from tests.faults.writer import LEDGER, Workload, Writer, writing

from chassis.db import Database
from chassis.testing.consumer_process import EFFECTS

RELAY = "chassis.testing.relay_process"
CONSUMER = "chassis.testing.consumer_process"
DIES_SECONDS = 15.0
LOOK_SECONDS = 0.05

OPEN = """
SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM commands c
    WHERE NOT EXISTS (SELECT FROM effects e WHERE e.event_id = c.event_id)
    AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.event_id = c.event_id))
"""
COMMITTED = "SELECT event_id, subject, version FROM commands"
EFFECTS_IN_ORDER = "SELECT event_id, subject, version FROM effects ORDER BY n"
DEAD = "SELECT event_id FROM dead_letters WHERE event_id IS NOT NULL"


@dataclass
class Pipeline:
    """What a scenario may use and hurt."""

    rig: Rig
    chance: random.Random
    dsn: str
    topic: str
    folder: Path
    stack: AsyncExitStack
    effort: float
    """1 for a whole trial, less for a short one, more where the table asks: how often, and how long, it is hurt."""
    writers: list[Writer] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    injected: int = 0
    repeats_allowed: bool = True
    healed_at: float = 0.0
    kafka: Proxy | None = None
    postgres: Proxy | None = None

    def rounds(self, whole: int) -> int:
        """Return how many rounds of something that a whole trial does `whole` times."""
        return max(1, round(whole * self.effort))

    def seconds(self, whole: float) -> float:
        """Return how long something takes: `whole` seconds in a whole trial, and no more in a larger one."""
        return whole * min(1.0, self.effort)

    async def through_proxies(self, *, kafka: bool = False, postgres: bool = False) -> None:
        """Put proxies before the servers, for the processes that are started from now on."""
        if kafka:
            self.kafka = await self.rig.kafka_proxy(self.stack, self.chance)
        if postgres:
            self.postgres = await self.rig.postgres_proxy(self.stack, self.chance)

    async def relay(self, *, faults: str = "", **environment: str) -> Child:
        """Start a relay."""
        return await self.start(RELAY, faults=faults, **environment)

    async def consumer(self, *, faults: str = "", instance: str = "0", **environment: str) -> Child:
        """Start a consumer; two instances share the partitions."""
        return await self.start(CONSUMER, self.topic, faults=faults, MAILLAGE_INSTANCE=instance, **environment)

    async def start(self, module: str, *argv: str, faults: str = "", **environment: str) -> Child:
        """Start a process with a service's environment."""
        dsn = through(self.dsn, self.postgres.port) if self.postgres else self.dsn
        bootstrap = f"127.0.0.1:{self.kafka.port}" if self.kafka else self.rig.kafka.bootstrap
        own = {
            "MAILLAGE_STACK": "test",
            "MAILLAGE_HTTP_PORT": "0",
            "MAILLAGE_DATABASE_DSN": dsn,
            "MAILLAGE_KAFKA_BOOTSTRAP": bootstrap,
            "MAILLAGE_FAULT_POINTS": faults,
        }
        log = self.folder / f"{len(self.children)}-{module.rpartition('.')[2]}.log"
        child = await self.rig.nursery.start(module, *argv, log=log, environment={**own, **environment})
        self.children.append(child)
        return child

    async def dies(self, victim: Child) -> None:
        """Wait until a fault point has killed the process; past a limit it is killed here."""
        if not await victim.ended(DIES_SECONDS):
            victim.kill()
            await victim.ended(DIES_SECONDS)
        self.injected += 1

    async def killed_after(self, victim: Child, seconds: float) -> None:
        """Kill the process at some instant within `seconds`."""
        await victim.ended(self.chance.uniform(0, seconds))
        victim.kill()
        await victim.ended(DIES_SECONDS)
        self.injected += 1

    async def stands_still(self, victim: Child) -> bool:
        """Wait until a fault point has stopped the process."""
        stopped = await until(lambda: victim.stopped, DIES_SECONDS)
        self.injected += stopped
        return stopped

    async def flowing(self, more: int = 30, seconds: float = 120) -> None:
        """Return once there are `more` effects than now: everything is at work. Raises when nothing comes."""
        # At a rate that even a very busy machine has.
        deadline = time.monotonic() + max(seconds, more / 4)
        first = await self.ask("SELECT count(*) FROM effects")
        while (seen := await self.ask("SELECT count(*) FROM effects") - first) < more:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{seen} effects in {seconds:.0f} s, {more} expected")
            await asyncio.sleep(LOOK_SECONDS)

    def writer(self, workload: Workload | None = None) -> Writer:
        """Add a writer, on subjects of its own. It reaches the database as the processes do."""
        dsn = through(self.dsn, self.postgres.port) if self.postgres else self.dsn
        db = Database(dsn, size=3, application="writer")
        self.stack.push_async_callback(db.close)
        made = Writer(db, self.topic, workload or Workload(), random.Random(self.chance.getrandbits(64)))
        self.writers.append(made)
        return made

    @asynccontextmanager
    async def writing(self, workload: Workload | None = None, writers: int = 1) -> AsyncIterator[None]:
        """Let writers work beside the block."""
        async with writing([self.writer(workload) for _ in range(writers)]):
            yield

    async def written(self, events: int, workload: Workload) -> None:
        """Commit at least so many events, with nobody else writing."""
        writer = self.writer(workload)
        while len(writer.acknowledged) < events:
            await writer.command()

    def heal(self) -> None:
        """Say that nothing is hurt from now on: the time to recover runs."""
        self.healed_at = time.monotonic()

    async def settled(self, bound_seconds: float) -> float | None:
        """Return how long after `heal` everything committed had its effect; None when it never had in time."""
        healed = self.healed_at or time.monotonic()
        while True:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if await self.ask(OPEN) == 0:
                    return time.monotonic() - healed
            if time.monotonic() - healed > bound_seconds:
                return None
            await asyncio.sleep(LOOK_SECONDS)

    async def ask(self, sql: str) -> int:
        """Return one number from the database, by its own port."""
        connection = await asyncpg.connect(self.dsn, timeout=30)
        try:
            return int(await connection.fetchval(sql))
        finally:
            await connection.close()

    async def facts(self, *, settled: bool) -> Facts:
        """Collect what the oracle needs."""
        connection = await asyncpg.connect(self.dsn, timeout=60)
        try:
            committed = [Said(*row) for row in await connection.fetch(COMMITTED)]
            effects = [Said(*row) for row in await connection.fetch(EFFECTS_IN_ORDER)]
            dead = {row["event_id"] for row in await connection.fetch(DEAD)}
        finally:
            await connection.close()
        known = {said.event_id: said for said in committed}
        sent = []
        for record in await read_topic(self.rig.kafka.bootstrap, self.topic):
            event_id = UUID(dict(record.headers)["ce_id"].decode())
            sent.append(known.get(event_id) or Said(event_id, UUID((record.key or b"").decode()), 1))
        acknowledged = {event_id for writer in self.writers for event_id in writer.acknowledged}
        return Facts(
            acknowledged, committed, sent, effects, dead, settled=settled, repeats_allowed=self.repeats_allowed
        )

    def cuts(self) -> int:
        """Return what was injected, the proxies' share included."""
        return self.injected + sum(one.injected for one in (self.kafka, self.postgres) if one is not None)


AnyPipeline = TypeVar("AnyPipeline", bound=Pipeline)


@asynccontextmanager
async def pipeline(
    rig: Rig,
    name: str,
    seed: int,
    effort: float,
    kind: type[AnyPipeline] = Pipeline,  # type: ignore[assignment]  # a default for a type variable (PEP 696 is 3.13)
) -> AsyncIterator[AnyPipeline]:
    """Give the path of one trial; its processes end with the block."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(rig.database("chassis"))
        connection = await asyncpg.connect(dsn, timeout=60)
        await connection.execute(LEDGER)
        await connection.execute(EFFECTS)
        await connection.close()
        made = kind(rig, random.Random(seed), dsn, await rig.topic(), rig.new_folder(name), stack, effort)
        try:
            yield made
        finally:
            for child in made.children:
                child.kill()
            for child in made.children:
                await child.ended(DIES_SECONDS)
