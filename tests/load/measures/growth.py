"""What one event costs one partner, as the backlog, the number of partners and their history grow.

The partners service projects a backlog of referrals into the streams of councils that all see the commune; the cost is
the time from the first record to the last stream, divided by the number of copies, with the service as deployed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer
from tests.load.measures.measure import ArmOf, Figures, Goal, Measure, Metric
from tests.load.measures.partner import TOPIC, needs_partner_listener, operator_token, partners_service
from tests.load.processes import cpu_seconds
from tests.load.records import Encoded, encoded_records
from tests.load.rig import FILL_AT_ONCE, Rig
from tests.load.sizes import Sizes

from chassis.testing.events import submitted
from maillage.stack.topics import ensure_topics
from maillage.testing.servers import free_ports

DELIVER_SECONDS = 240.0
BEGUN = 20
"""Events that are delivered before anything counts: connections are open and statements known."""


async def _councils(http: httpx.AsyncClient, count: int) -> None:
    commune = submitted().routing.commune
    for n in range(count):
        body = {
            "name": f"Département exemple {n}", "kind": "council", "phone": "01 99 00 00 00",
            "postal_address": "1 rue de l’Exemple\n93000 Exemple",
            "territory": {"communes": [commune], "epcis": [], "departements": [], "collectivities": []},
        }  # fmt: skip
        (await http.put(f"/organisations/bench{n}", json=body)).raise_for_status()


async def _send(bootstrap: str, records: list[Encoded]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=256 * 1024) as producer:
        for start in range(0, len(records), FILL_AT_ONCE):
            group = records[start : start + FILL_AT_ONCE]
            await asyncio.gather(
                *[await producer.send(TOPIC, value, key=key, headers=headers) for key, headers, value in group]
            )


async def _delivered(connection: asyncpg.Connection[asyncpg.Record], copies: int) -> None:
    async with asyncio.timeout(DELIVER_SECONDS):
        while (await connection.fetchval("SELECT coalesce(sum(last_position), 0) FROM partner_stream")) < copies:
            await asyncio.sleep(0.01)


async def _measure(rig: Rig, sizes: Sizes, *, backlog: int = 1, partners: int = 1, history: int = 0) -> Figures:
    await rig.delete_topics([TOPIC])
    await ensure_topics(rig.bootstrap)
    (port,) = free_ports(1)
    events, before = sizes.growth * backlog, sizes.growth * history + BEGUN
    async with (
        rig.database("partners") as dsn,
        partners_service(rig, dsn, port) as (known, process),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http,
    ):
        http.headers["authorization"] = await operator_token(http, known)
        await _councils(http, partners)
        connection = await asyncpg.connect(dsn)
        try:
            await _send(rig.bootstrap, list(encoded_records(before)))
            await _delivered(connection, before * partners)
            records = list(encoded_records(events))
            started, spent = time.monotonic(), cpu_seconds(process)
            await asyncio.gather(_send(rig.bootstrap, records), _delivered(connection, (before + events) * partners))
            wall, spent = time.monotonic() - started, cpu_seconds(process) - spent
            rows, distinct = await connection.fetchrow(
                "SELECT count(*), count(DISTINCT (organisation_id, event_id)) FROM stream_events"
            ) or (0, 0)
        finally:
            await connection.close()
    expected = (before + events) * partners
    if rows != expected or distinct != expected:
        raise ValueError(f"{rows} copies, {distinct} different, {expected} expected")
    return {"wall": 1e6 * wall / (events * partners), "cpu": 1e6 * spent / (events * partners)}


def _factor(n: int) -> Callable[[Sizes], int]:
    return lambda sizes: sizes.growth_factors[min(n, len(sizes.growth_factors) - 1)]


async def _grown(rig: Rig, sizes: Sizes, *, what: str, n: int) -> Figures:
    factor = _factor(n)(sizes)
    return await _measure(rig, sizes, **{what: factor})


BASE = "1 partner, a small backlog"
ARMS = (
    ArmOf(BASE, partial(_grown, what="backlog", n=0)),
    ArmOf("backlog 10×", partial(_grown, what="backlog", n=1)),
    ArmOf("backlog 100×", partial(_grown, what="backlog", n=2)),
    ArmOf("partners 10×", partial(_grown, what="partners", n=1)),
    ArmOf("partners 100×", partial(_grown, what="partners", n=2)),
    ArmOf("history 10×", partial(_grown, what="history", n=1)),
    ArmOf("history 100×", partial(_grown, what="history", n=2)),
)

GROWTH = Measure(
    key="growth",
    title=lambda sizes: f"Cost of one event for one partner; the smallest backlog is {sizes.growth:,} events",
    metrics=(Metric("wall", "µs a copy, from the first record to the last stream"), Metric("cpu", "µs of CPU a copy")),
    arms=ARMS,
    needs=needs_partner_listener,
    goals=tuple(
        Goal(f"cost per (event, partner), {arm.name}: ≤ 1.2×", "wall", 1.2, against=BASE, ours=arm.name)
        for arm in ARMS[1:]
    ),
)
