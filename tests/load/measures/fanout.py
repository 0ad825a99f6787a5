"""One event to 1, 10, 100, 1,000 partners: what the projection takes, and how many statements it is.

The projection alone, in this process, on a database with so many councils of one commune, all with access to Kafka:
a copy is a row of a stream and a row of the outbox. A projection that went round its partners would show it here.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import asyncpg
from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric
from tests.load.rig import Rig, WrongCount
from tests.load.sizes import Sizes

from chassis.clock import SystemClock
from chassis.consumer import Processor, Subscription
from chassis.db import Database, Tx
from chassis.outbox import Doorbell
from chassis.records import Delivery
from chassis.testing.events import AT, source_of_event, submitted
from partners.adapters.events import OutboxPublisher, ScopeEvents
from partners.adapters.postgres.organisations import PostgresOrganisations
from partners.adapters.postgres.referrals import PostgresReferrals
from partners.adapters.postgres.streams import PostgresStreams
from partners.adapters.subscribers import subscriptions
from partners.app.organisation_desk import Desk
from partners.app.register_organisation import register_organisation
from partners.domain.organisation import Details, Kind, Territory

BEGUN = 5
"""Events that are projected before anything counts: statements are prepared."""

WRITTEN = "SELECT (SELECT count(*) FROM stream_events), (SELECT count(*) FROM outbox)"


class Counting:
    """A transaction that counts the statements sent through it."""

    def __init__(self, tx: Tx) -> None:
        self.statements = 0
        self._tx = tx

    def __getattr__(self, name: str) -> Any:
        if name in ("execute", "executemany", "fetch", "fetchrow", "fetchval"):
            self.statements += 1
        return getattr(self._tx, name)


async def _councils(db: Database, count: int) -> None:
    details = Details("Exemple", "01 99 00 00 00", "1 rue de l’Exemple", Territory.of(communes=["93048"]))
    async with db.transaction() as tx:
        desk = Desk(
            PostgresOrganisations(tx),
            OutboxPublisher(tx, AT),
            PostgresStreams(tx),
            PostgresReferrals(tx),
            ScopeEvents(),
        )
        for n in range(count):
            await register_organisation(desk, f"bench{n}", Kind.COUNCIL, details, AT)
        await tx.execute("UPDATE partner_stream SET kafka_ready_at = now()")
        await tx.execute("DELETE FROM outbox")


def _counted(subscription: Subscription, counts: list[int]) -> Subscription:
    many = subscription.many
    if many is None:
        raise ValueError("partners project batches")

    async def counted(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        counting = Counting(tx)
        await many(cast("Tx", counting), deliveries)
        counts.append(counting.statements)

    return replace(subscription, many=counted)


async def _expect(dsn: str, copies: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetchrow(WRITTEN)
        if found is None or tuple(found) != (copies, copies):
            raise WrongCount(f"{found} copies in streams and outbox, {copies} expected")
    finally:
        await connection.close()


async def _measure(rig: Rig, sizes: Sizes, *, n: int) -> Figures:
    partners = sizes.fanout_partners[min(n, len(sizes.fanout_partners) - 1)]
    events, took, counts = sizes.fanout_events, list[float](), list[int]()
    async with rig.database("partners") as dsn:
        db = Database(dsn, size=2, application="bench-fanout")
        await db.open()
        try:
            await _councils(db, partners)
            clock = SystemClock()
            processor = Processor("partners", _counted(subscriptions(clock)[0], counts), db, clock, Doorbell())
            for _ in range(BEGUN + events):
                source, started = source_of_event(submitted()), time.perf_counter()
                await processor.process([source])
                took.append(time.perf_counter() - started)
        finally:
            await db.close()
        await _expect(dsn, (BEGUN + events) * partners)
    median, statements = statistics.median(took[BEGUN:]), statistics.median(counts[BEGUN:])
    return {
        "event": 1e3 * median,
        "copy": 1e6 * median / partners,
        "statements": statements,
        "rows": 2 * partners / statements,
    }


ARMS = tuple(
    ArmOf(f"to {text}", partial(_measure, n=n)) for n, text in enumerate(("1 partner", "10", "100", "1,000 partners"))
)

FANOUT = Measure(
    key="fanout",
    title=lambda sizes: f"One event to many partners, the projection alone, median of {sizes.fanout_events}",
    metrics=(
        Metric("event", "ms an event", 1),
        Metric("copy", "µs a copy"),
        Metric("statements", "statements an event"),
        Metric("rows", "rows written a statement", 1),
    ),
    arms=ARMS,
    goals=(
        Goal("1,000 partners: as many statements as one", "statements", 1.0, against=ARMS[0].name, ours=ARMS[3].name),
        Goal("a copy of 1,000: ≤ 1.2× one of 100", "copy", 1.2, against=ARMS[2].name, ours=ARMS[3].name),
    ),
)
