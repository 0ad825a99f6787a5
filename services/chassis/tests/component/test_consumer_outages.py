"""A consumer whose database is silent, full, or whose events are all refused: it waits or stops, and loses nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import pytest

from chassis import watch
from chassis.clock import MovableClock
from chassis.consumer import DEAD_IN_A_ROW_MAX, Processor, Subscription
from chassis.db import Database, Tx
from chassis.errors import DependencyDown
from chassis.health import Health
from chassis.outbox import Doorbell, append, row_of
from chassis.records import Delivery, Source
from chassis.testing.consumer_process import EFFECTS, effect
from chassis.testing.events import AT, source_of_event, submitted
from chassis.testing.line import line_to
from maillage_contracts import ReferralSubmitted

pytestmark = pytest.mark.postgres

TOPIC = "referrals-referral-v1"


@pytest.fixture
async def dsn(database: Callable[[str | None], Awaitable[str]]) -> str:
    return await database("chassis")


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    opened = Database(dsn, size=3, application="test")
    async with opened.transaction() as tx:
        await tx.execute(EFFECTS)
    yield opened
    await opened.close()


def processor_on(db: Database, handle: Any = effect) -> Processor:
    return Processor("testing", Subscription(TOPIC, one={ReferralSubmitted: handle}), db, MovableClock(AT), Doorbell())


async def done(db: Database) -> list[UUID]:
    async with db.connection() as connection:
        return [row["event_id"] for row in await connection.fetch("SELECT event_id FROM effects ORDER BY n")]


async def letters(db: Database) -> list[Any]:
    async with db.connection() as connection:
        return list(await connection.fetch("SELECT state, cause FROM dead_letters ORDER BY id"))


def ids(sources: list[Source]) -> list[UUID]:
    return [UUID((dict(source.headers)["ce_id"] or b"").decode()) for source in sources]


async def test_a_silent_database_is_waited_for_and_nothing_is_set_aside(
    dsn: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.db.PROBE_SECONDS", 0.5)
    address = urlsplit(dsn)
    sources = [source_of_event(submitted(), offset=n) for n in range(10)]
    async with line_to(address.hostname or "127.0.0.1", address.port or 5432) as line:
        user, at, _ = address.netloc.rpartition("@")
        through = urlunsplit(address._replace(netloc=f"{user}{at}127.0.0.1:{line.port}"))
        silenced = Database(through, size=2, application="silenced", statement_timeout_ms=300)

        async def silent_half_way(tx: Tx, delivery: Delivery, fetched: Any) -> None:
            await effect(tx, delivery, fetched)
            if delivery.source.offset == 5:
                line.silence()

        with pytest.raises(DependencyDown):
            await processor_on(silenced, silent_half_way).process(sources)
        processor = processor_on(silenced)
        with pytest.raises(DependencyDown):
            await processor.process(sources)
        assert (await done(db), await letters(db)) == ([], [])

        line.heal()
        await processor.process(sources)
        await silenced.close()

    assert await done(db) == ids(sources)
    assert await letters(db) == []


DISK_FULL = """
CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER disk_full BEFORE INSERT ON effects FOR EACH ROW EXECUTE FUNCTION disk_full();
"""


async def test_a_full_disk_is_waited_for_and_nothing_is_set_aside(db: Database) -> None:
    sources = [source_of_event(submitted(), offset=n) for n in range(5)]
    processor = processor_on(db)
    async with db.transaction() as tx:
        await tx.execute(DISK_FULL)
    with pytest.raises(DependencyDown):
        await processor.process(sources)
    assert await letters(db) == []
    async with db.transaction() as tx:
        await tx.execute("DROP TRIGGER disk_full ON effects")

    await processor.process(sources)

    assert await done(db) == ids(sources)


async def test_an_event_too_large_for_kafka_makes_a_dead_letter_of_its_cause(db: Database) -> None:
    async def tell(tx: Tx, delivery: Delivery, _: Any) -> None:
        size = 950_000 if delivery.source.offset == 1 else 10
        await append(tx, row_of(delivery.envelope.id, "test", "test-topic", b"k", [], bytes(size)))

    sources = [source_of_event(submitted(), offset=n) for n in range(3)]
    await processor_on(db, tell).process(sources)

    assert [(row["state"], "RecordTooLarge" in row["cause"]) for row in await letters(db)] == [("dead", True)]
    async with db.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 2


async def test_too_many_dead_letters_in_a_row_turn_readiness_red(db: Database) -> None:
    processor, health = processor_on(db), Health("testing")
    health.register("subscriptions", lambda: watch.stopped_check([processor]))
    poison = [replace(source_of_event(submitted(), offset=n), value=b"[") for n in range(DEAD_IN_A_ROW_MAX)]

    await processor.process(poison[:-1])
    assert health.report()["ready"]
    await processor.process(poison[-1:])

    assert health.report() | {"ready": False} == health.report()
    assert "testing-referrals-referral-v1" in health.report()["checks"]["subscriptions"]
    assert processor.outcomes() == {"handled": 0, "dead": DEAD_IN_A_ROW_MAX, "held": 0, "ignored": 0}
