"""The inbox is kept long enough and purged without growing: dead rows are cleared as fast as they are made."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from chassis.app import Parts, build_app
from chassis.consumer import Subscription
from chassis.db import Database
from chassis.errors import SettingsRefused
from chassis.ids import new_id
from chassis.inbox import claim, purge
from chassis.runtime import build_runtime
from chassis.settings import ServiceSettings
from chassis.testing.events import AT

KEEP = timedelta(days=45)
ADD = """
INSERT INTO inbox (consumer, event_id, handled_at)
SELECT 'testing-topic', gen_random_uuid(), $1 FROM generate_series(1, $2::int)
"""
BATCH_ROWS = 500
OPTIONS = """
SELECT option_name, option_value FROM pg_class, pg_options_to_table(reloptions) WHERE relname = 'inbox'
"""
# What autovacuum's own rule says, with the settings of the table.
WANTS_VACUUM = """
SELECT s.n_dead_tup > (SELECT option_value::bigint FROM pg_options_to_table(c.reloptions)
                       WHERE option_name = 'autovacuum_vacuum_threshold')
FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid WHERE s.relname = 'inbox'
"""


def settings(**changes: object) -> ServiceSettings:
    return ServiceSettings.model_validate(
        {"stack": "test", "http_port": 1, "database_dsn": SecretStr("postgresql://nowhere"), **changes}
    )


@pytest.mark.parametrize(
    ("inbox_days", "replay_days", "topic", "refused"),
    [
        (45, 7, "referrals-referral-v1", False),
        (37, 7, "referrals-referral-v1", False),
        (36, 7, "referrals-referral-v1", True),
        (45, 16, "registration-person-v1", True),
        # Kept for ever; what is read from it is kept by version.
        (1, 7, "partners-organisation-v1", False),
    ],
)
def test_an_inbox_that_would_forget_too_soon_is_refused_at_start(
    inbox_days: int, replay_days: int, topic: str, refused: bool
) -> None:
    runtime = build_runtime("testing", settings(inbox_days=inbox_days, replay_days=replay_days))
    parts = Parts(subscriptions=[Subscription(topic)])
    if refused:
        with pytest.raises(SettingsRefused, match="MAILLAGE_INBOX_DAYS"):
            build_app(runtime, parts)
    else:
        build_app(runtime, parts)


async def test_only_what_is_older_than_its_time_is_forgotten(db: Database) -> None:
    old, young = new_id(), new_id()
    async with db.transaction() as tx:
        await claim(tx, consumer="testing-topic", event_ids=[old, young])
        await tx.execute("UPDATE inbox SET handled_at = $1 WHERE event_id = $2", AT - KEEP - timedelta(1), old)
        await tx.execute("UPDATE inbox SET handled_at = $1 WHERE event_id = $2", AT - KEEP + timedelta(1), young)
        assert await purge(tx, now=AT, keep=KEEP) == 1

    async with db.transaction() as tx:
        assert await claim(tx, consumer="testing-topic", event_ids=[old, young]) == {old}


@pytest.fixture
async def tenth(db: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The inbox at a tenth of its size: batches, and the dead rows at which autovacuum comes."""
    async with db.connection() as connection:
        options = {row["option_name"]: row["option_value"] for row in await connection.fetch(OPTIONS)}
        # Autovacuum itself comes once a minute: its rule is followed here, its hour is not waited for.
        await connection.execute("ALTER TABLE inbox SET (autovacuum_enabled = off, autovacuum_vacuum_threshold = 2000)")
    assert (options["autovacuum_vacuum_threshold"], options["autovacuum_vacuum_scale_factor"]) == ("20000", "0")
    monkeypatch.setattr("chassis.inbox.PURGE_ROWS", BATCH_ROWS)
    return db


async def size_after(db: Database, days: int, *, vacuum: bool) -> list[int]:
    """Live through days of as many events as are forgotten; return the table's bytes at the end of each."""
    sizes = []
    per_day = 6 * BATCH_ROWS
    for day in range(days):
        now = AT + timedelta(days=day)
        async with db.transaction() as tx:
            await tx.execute(ADD, now, per_day)
        purged = per_day
        while purged:
            async with db.transaction() as tx:
                purged = await purge(tx, now=now, keep=timedelta(days=1, hours=1))
            if vacuum:
                async with db.connection() as connection:
                    await connection.execute("SELECT pg_stat_force_next_flush()")
                    await connection.execute("SELECT pg_stat_clear_snapshot()")
                    if await connection.fetchval(WANTS_VACUUM):
                        await connection.execute("VACUUM inbox")
        async with db.connection() as connection:
            sizes.append(await connection.fetchval("SELECT pg_total_relation_size('inbox')"))
    return sizes


async def test_many_purges_do_not_grow_the_table(tenth: Database) -> None:
    sizes = await size_after(tenth, 20, vacuum=True)

    # Two days live at once, and what died since the last vacuum; afterwards it stays as it is.
    assert max(sizes[6:]) <= 1.25 * max(sizes[2:5])


async def test_without_vacuum_it_would_grow(tenth: Database) -> None:
    sizes = await size_after(tenth, 8, vacuum=False)

    assert sizes[-1] > 1.5 * sizes[3]
