"""Prepare the empty database of a replay: refuse one that is used, and copy what projections refer to.

A seed holds ids and states that no event tells; it is read from the live database, a few thousand rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from chassis import compare
from chassis.app import Parts
from chassis.errors import SettingsRefused

# The server quotes the names, which are constants of the services' own code.
COUNT = "SELECT format('SELECT EXISTS (SELECT FROM %I)', $1::text)"
STAGE = "SELECT format('CREATE TEMP TABLE seed (LIKE %I) ON COMMIT DROP', $1::text)"
TAKE = "SELECT format('INSERT INTO %I SELECT * FROM seed ON CONFLICT DO NOTHING', $1::text)"

WHICH = "SELECT current_database() || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database())"


async def refuse_used(
    live: asyncpg.Connection[asyncpg.Record], rebuilt: asyncpg.Connection[asyncpg.Record], tables: Sequence[str]
) -> None:
    """Raise SettingsRefused when the database to rebuild in is the live one, or holds anything."""
    if await live.fetchval(WHICH) == await rebuilt.fetchval(WHICH):
        raise SettingsRefused("MAILLAGE_REPLAY_DATABASE_DSN names the live database: name an empty one")
    for table in (*tables, "inbox", "dead_letters", "outbox"):
        if await rebuilt.fetchval(await rebuilt.fetchval(COUNT, table)):
            raise SettingsRefused(f"MAILLAGE_REPLAY_DATABASE_DSN names a database whose {table} is not empty")


async def seed(live_dsn: str, rebuilt_dsn: str, parts: Parts) -> None:
    """Copy the rows of each seed that are not there yet."""
    if not parts.projections.seeds:
        return
    live = await compare.connect(live_dsn)
    rebuilt = await asyncpg.connect(rebuilt_dsn, timeout=10)
    try:
        for table, rows in parts.projections.seeds.items():
            async with live.transaction(), rebuilt.transaction():
                await rebuilt.execute(await rebuilt.fetchval(STAGE, table))
                cursor = await live.cursor(rows)
                while batch := await cursor.fetch(compare.ROWS_AT_A_TIME):
                    await rebuilt.copy_records_to_table(
                        "seed", records=[tuple(row) for row in batch], columns=list(batch[0].keys())
                    )
                await rebuilt.execute(await rebuilt.fetchval(TAKE, table))
    finally:
        await live.close()
        await rebuilt.close()
