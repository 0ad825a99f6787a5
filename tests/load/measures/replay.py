"""A stream read again from its beginning: by the feed and as a file, beside a plain reader of the same rows.

The plain reader is asyncpg in pages of the feed's size, without a service. Memory is that of the service's process:
by how much it grew at most while it was read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import asyncpg
import httpx
import psutil
from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric
from tests.load.measures.partner import Partner, needs_partner_listener, operator_token, partners_service, register
from tests.load.rig import Rig, WrongCount
from tests.load.sizes import Sizes

from chassis.clock import SystemClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.outbox import Doorbell
from chassis.testing.events import source_of_event, submitted
from maillage.stack.topics import ensure_topics
from maillage.testing.servers import free_ports
from maillage_contracts import partner_topic_name
from partners.adapters.subscribers import subscriptions

PAGE_ROWS = 500
SAMPLE_SECONDS = 0.05

# The first row is a projected one; the others are it again, each with an id of its own.
FILL = """
INSERT INTO stream_events (organisation_id, position, event_id, ce_type, subject, headers, payload, created_at)
SELECT organisation_id, n, id, ce_type, subject, jsonb_set(headers, '{ce_id}', to_jsonb(id::text)), payload, created_at
FROM (SELECT e.*, n, gen_random_uuid() AS id FROM stream_events e, generate_series(2, $1::bigint) n
      WHERE position = 1) made
"""
RAW = """
SELECT position, headers, payload FROM stream_events
WHERE organisation_id = $1::uuid AND position > $2 ORDER BY position LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """A stream of so many events, and who reads it."""

    http: httpx.AsyncClient
    partner: Partner
    dsn: str
    process: psutil.Process
    events: int


@asynccontextmanager
async def _filled(rig: Rig, events: int) -> AsyncIterator[Filled]:
    await ensure_topics(rig.bootstrap)
    (port,) = free_ports(1)
    code = f"bench{secrets.token_hex(4)}"
    async with (
        rig.database("partners") as dsn,
        partners_service(rig, dsn, port) as (known, process),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http,
    ):
        http.headers["authorization"] = await operator_token(http, known)
        partner = await register(http, code)
        await _fill(dsn, events)
        http.headers["authorization"] = partner.authorization
        yield Filled(http, partner, dsn, process, events)
    await rig.delete_topics([partner_topic_name(code)])


async def _fill(dsn: str, events: int) -> None:
    db, clock = Database(dsn, size=2, application="bench-replay"), SystemClock()
    await db.open()
    try:
        await Processor("partners", subscriptions(clock)[0], db, clock, Doorbell()).process(
            [source_of_event(submitted())]
        )
    finally:
        await db.close()
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("DELETE FROM stream_events WHERE position > 1")
        await connection.execute(FILL, events)
        await connection.execute("UPDATE partner_stream SET last_position = $1", events)
        await connection.execute("VACUUM ANALYZE stream_events")
    finally:
        await connection.close()


async def _feed(filled: Filled) -> int:
    cursor, found = "", set[str]()
    while len(found) < filled.events:
        asked: dict[str, str | int] = {"limit": PAGE_ROWS, **({"after": cursor} if cursor else {})}
        page = (await filled.http.get("/feed", params=asked)).raise_for_status().json()
        if not page["events"]:
            break
        found.update(event["id"] for event in page["events"])
        cursor = page["cursor"]
    return len(found)


async def _export(filled: Filled) -> int:
    found = set[str]()
    async with filled.http.stream("GET", "/feed/export", params={"format": "jsonl"}) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            found.add(json.loads(line)["id"])
    return len(found)


async def _raw(filled: Filled) -> int:
    connection = await asyncpg.connect(filled.dsn)
    try:
        position, found = 0, set[str]()
        while rows := await connection.fetch(RAW, filled.partner.organisation_id, position, PAGE_ROWS):
            found.update(json.loads(row["headers"])["ce_id"] for row in rows)
            position = rows[-1]["position"]
        return len(found)
    finally:
        await connection.close()


async def _measure(rig: Rig, sizes: Sizes, *, reader: Callable[[Filled], Awaitable[int]]) -> Figures:
    async with _filled(rig, sizes.replay_events) as filled:
        before = peak = filled.process.memory_info().rss

        async def watch() -> None:
            nonlocal peak
            while True:
                peak = max(peak, filled.process.memory_info().rss)
                await asyncio.sleep(SAMPLE_SECONDS)

        watching, started = asyncio.create_task(watch()), time.monotonic()
        found = await reader(filled)
        wall = time.monotonic() - started
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    if found != sizes.replay_events:
        raise WrongCount(f"{found} events were read, {sizes.replay_events} expected")
    return {"rate": found / wall, "memory": (peak - before) / 2**20}


RAW_READER = "a plain reader of the rows"

REPLAY = Measure(
    key="replay",
    title=lambda sizes: f"A stream of {sizes.replay_events:,} events, read again",
    metrics=(Metric("rate", "events/s"), Metric("memory", "MiB that the service grew by, at most", 1)),
    arms=(
        ArmOf("by the feed", partial(_measure, reader=_feed)),
        ArmOf("as a file", partial(_measure, reader=_export)),
        ArmOf(RAW_READER, partial(_measure, reader=_raw)),
    ),
    needs=needs_partner_listener,
    goals=(
        Goal("feed ÷ plain reader: ≥ 0.2", "rate", 0.2, at_least=True, against=RAW_READER),
        Goal("file ÷ plain reader: ≥ 0.2", "rate", 0.2, at_least=True, against=RAW_READER, ours="as a file"),
        Goal("feed: memory of the service grows by ≤ 32 MiB", "memory", 32),
        Goal("file: memory of the service grows by ≤ 32 MiB", "memory", 32, ours="as a file"),
    ),
)
