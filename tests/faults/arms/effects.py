"""What the known-bad consumers do with a record: inbox and effect in one transaction, as they should.

The rest of what they do is wrong.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import asyncpg

EVENT_SECONDS = 0.01
"""The work of one event: long enough to die in."""

CLAIM = "INSERT INTO inbox (consumer, event_id) VALUES ('bad', $1) ON CONFLICT DO NOTHING RETURNING event_id"
INSERT = "INSERT INTO effects (event_id, subject, version) VALUES ($1, $2, $3)"


async def handle_one(pool: asyncpg.Pool[asyncpg.Record], record: Any) -> None:
    """Write the effect of one record; what is not JSON is passed over."""
    try:
        event = json.loads(record.value)
    except ValueError:
        return
    event_id = UUID(dict(record.headers)["ce_id"].decode())
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(CLAIM, event_id):
            await connection.execute(INSERT, event_id, UUID(event["referral_id"]), event["aggregate_version"])
