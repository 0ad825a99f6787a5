"""How PostgreSQL reads the outbox: by its index however long the backlog, with the plan that it keeps too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from chassis.relay import LEASE_SESSION, TAKE

pytestmark = pytest.mark.postgres

FILL = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT gen_random_uuid(), 'topic', n::text, 'type', '{}', repeat('x', 500)::bytea FROM generate_series(1, 20000) AS t(n)
"""


async def plan(dsn: str, session: dict[str, str]) -> str:
    connection: Any = await asyncpg.connect(dsn, server_settings={**session, "plan_cache_mode": "force_generic_plan"})
    try:
        await connection.execute("PREPARE take AS " + TAKE)
        lines = await connection.fetch("EXPLAIN EXECUTE take ('{[1,2000)}', '{}', 1000, 4194304)")
        return "\n".join(line[0] for line in lines)
    finally:
        await connection.close()


async def test_the_head_of_a_long_outbox_is_read_by_its_index(database: Callable[[str], Awaitable[str]]) -> None:
    dsn = await database("chassis")
    connection: Any = await asyncpg.connect(dsn)
    await connection.execute(FILL)
    await connection.execute("ANALYZE outbox")
    await connection.close()

    assert "Sort" in await plan(dsn, {}), "without the lease's settings the plan that is kept sorts: nothing is shown"
    kept = await plan(dsn, LEASE_SESSION)
    assert "Index Scan using outbox_pkey" in kept
    assert "Sort" not in kept
    assert "Gather" not in kept
