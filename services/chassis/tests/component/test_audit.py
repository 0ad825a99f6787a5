"""The audit's chain holds under concurrency, and shows every kind of tampering."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.audit import Read, purpose_of, record_reads, verify
from chassis.clock import MovableClock
from chassis.db import Database

CLOCK = MovableClock(datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC))
ORGANISATION = UUID("01890000-0000-7000-8000-000000000001")


def read(purpose: str = "answer") -> Read:
    return Read("member-1", ORGANISATION, "referral", uuid4(), purpose)


async def record(db: Database, *batches: int) -> None:
    for size in batches:
        async with db.transaction() as tx:
            await record_reads(tx, [read() for _ in range(size)], CLOCK)


async def broken_at(db: Database, since_id: int = 1) -> int | None:
    async with db.transaction() as tx:
        return await verify(tx, since_id=since_id)


async def test_rows_say_who_read_what_and_why(db: Database) -> None:
    shown = read("identify")
    async with db.transaction() as tx:
        await record_reads(tx, [shown], CLOCK)
        row = await tx.fetchrow("SELECT * FROM audit")

    assert row is not None
    assert (row["id"], row["who"], row["organisation_id"]) == (1, "member-1", ORGANISATION)
    assert (row["record_kind"], row["record_id"], row["purpose"]) == ("referral", shown.record_id, "identify")
    assert row["read_at"] == CLOCK.now()


async def test_chain_is_whole_after_batches_and_none(db: Database) -> None:
    await record(db, 3, 0, 1, 100)

    assert await broken_at(db) is None
    assert await broken_at(db, since_id=50) is None


async def test_chain_is_whole_when_many_read_at_once(db: Database) -> None:
    await asyncio.gather(*(record(db, 2, 1) for _ in range(15)))

    async with db.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM audit") == 45
    assert await broken_at(db) is None


async def test_rolled_back_read_leaves_no_gap(db: Database) -> None:
    await record(db, 2)
    with suppress(RuntimeError):
        async with db.transaction() as tx:
            await record_reads(tx, [read()], CLOCK)
            raise RuntimeError
    await record(db, 1)

    assert await broken_at(db) is None


@pytest.mark.parametrize(
    ("tampering", "place"),
    [
        ("UPDATE audit SET who = 'nobody' WHERE id = 4", 4),
        ("UPDATE audit SET read_at = read_at + interval '1 microsecond' WHERE id = 4", 4),
        ("UPDATE audit SET purpose = 'none' WHERE id = 1", 1),
        ("UPDATE audit SET trace_id = repeat('0', 32) WHERE id = 6", 6),
        ("DELETE FROM audit WHERE id = 4", 4),
        ("DELETE FROM audit WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id = 4; UPDATE audit SET id = id - 1 WHERE id > 4", 4),
        ("UPDATE audit a SET record_id = b.record_id FROM audit b WHERE (a.id, b.id) IN ((3, 4), (4, 3))", 3),
        ("UPDATE audit SET hash = sha256(hash) WHERE id = 4", 4),
    ],
)
async def test_tampering_shows_at_its_place(db: Database, tampering: str, place: int) -> None:
    await record(db, 3, 3)
    async with db.transaction() as tx:
        await tx.execute(tampering)

    assert await broken_at(db) == place


async def test_second_row_of_one_id_is_refused(db: Database) -> None:
    await record(db, 1)

    with pytest.raises(asyncpg.UniqueViolationError):
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO audit SELECT * FROM audit")


@pytest.mark.parametrize(
    ("header", "purpose"),
    [("identify", "identify"), (None, "unspecified"), ("for Camille", "unspecified"), ("a" * 65, "unspecified")],
)
def test_purpose_is_a_slug_or_unspecified(header: str | None, purpose: str) -> None:
    assert purpose_of(header) == purpose
