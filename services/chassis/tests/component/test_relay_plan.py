"""How PostgreSQL reads the outbox: by its index however long the backlog, with the plan that it keeps too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from chassis.relay import LEASE_SESSION
from chassis.relay_sql import TAKE, TAKE_PAST

pytestmark = pytest.mark.postgres

FILL = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT gen_random_uuid(), 'topic', n::text, 'type', '{}', repeat('x', 500)::bytea FROM generate_series(1, 20000) AS t(n)
"""


ARGUMENTS = "'{[1,2000)}', 1000, 4194304"


async def plan(dsn: str, session: dict[str, str], statement: str = TAKE, arguments: str = ARGUMENTS) -> str:
    connection: Any = await asyncpg.connect(dsn, server_settings={**session, "plan_cache_mode": "force_generic_plan"})
    try:
        await connection.execute("PREPARE take AS " + statement)
        lines = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) EXECUTE take ({arguments})")
        return "\n".join(line[0] for line in lines)
    finally:
        await connection.close()


async def test_the_head_of_a_long_outbox_is_read_by_its_index(database: Callable[[str], Awaitable[str]]) -> None:
    dsn = await database("chassis")
    connection: Any = await asyncpg.connect(dsn)
    await connection.execute(FILL)
    await connection.execute("ANALYZE outbox")
    await connection.close()

    kept = await plan(dsn, LEASE_SESSION)
    assert "Index Scan using outbox_pkey" in kept
    assert "Sort" not in kept
    assert "Gather" not in kept


async def test_a_full_topic_is_passed_over_without_walking_over_its_rows(
    database: Callable[[str], Awaitable[str]],
) -> None:
    dsn = await database("chassis")
    connection: Any = await asyncpg.connect(dsn)
    await connection.execute(FILL)
    for topic in ("another", "yet another"):
        await connection.execute(FILL.replace("'topic'", f"'{topic}'").replace("20000", "3000"))
    await connection.execute("ANALYZE outbox")

    taken = await connection.fetch(TAKE_PAST, [], 1000, 4_194_304, ["topic", "yet another"])
    shared = await connection.fetch(TAKE_PAST, [], 1000, 4_194_304, ["topic"])
    nothing = await connection.fetch(TAKE_PAST, [], 1000, 4_194_304, ["topic", "another", "yet another"])
    await connection.close()

    assert [row["position"] for row in taken] == list(range(20_001, 21_001))
    assert Counter(row["aggregatetype"] for row in shared) == {"another": 500, "yet another": 500}
    assert [row["position"] for row in shared] == sorted(row["position"] for row in shared)
    assert nothing == []
    kept = await plan(dsn, LEASE_SESSION, TAKE_PAST, f"{ARGUMENTS}, '{{topic}}'")
    assert "outbox_by_topic" in kept
    assert "Seq Scan on outbox" not in kept
    read = [int(rows) for rows in re.findall(r"on outbox.*actual rows=(\d+)", kept)]
    assert max(read) <= 1000, "rows of the full topic were read"
