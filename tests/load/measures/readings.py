"""From a commit to the partner by each reading of one stream: topic, feed by long poll, server-sent events, webhook.

All four at once, so that each also bears the cost of the others. Commands come from ours_service by the topic of
referrals, as in the measure `partner`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

import httpx
from tests.load.measures.measure import BEHIND, ArmOf, Figures, Goal, Measure, Metric
from tests.load.measures.partner import TOPIC, needs_partner_listener, operator_token, partners_service, register
from tests.load.measures.pipeline import ANSWER_SECONDS, command_steadily, commands_of, latencies
from tests.load.rig import Rig
from tests.load.sizes import Sizes

from maillage.stack.topics import ensure_topics
from maillage.testing.servers import free_ports
from maillage_contracts import partner_topic_name

READINGS_OF = {"topic": "its Kafka topic", "feed": "long poll", "events": "server-sent events", "webhook": "webhook"}


async def measure_readings(rig: Rig, sizes: Sizes, reader_arm: str, names: Iterable[str]) -> Figures:
    """Measure a partner's readings, by the names under which the arm tells when it saw each event."""
    await ensure_topics(rig.bootstrap)
    count, warm_up = commands_of(sizes, sizes.latency_rate)
    code = f"bench{secrets.token_hex(4)}"
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    async with (
        rig.database("partners") as dsn,
        rig.database() as source,
        partners_service(rig, dsn, port, MAILLAGE_WEBHOOK_LOOPBACK="true") as (known, _),
        httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http,
    ):
        http.headers["authorization"] = await operator_token(http, known)
        partner = await register(http, code)
        await rig.caught_up(f"partners-{TOPIC}", TOPIC)
        reading = {"access": partner.access, "authorization": partner.authorization, "url": url, "expected": count}
        writing = {"dsn": source, "topic": TOPIC, "events": count, "council": partner.organisation_id}
        async with rig.arm(reader_arm, **reading) as reader, rig.arm("ours_service", **writing) as writer:
            await reader.send("go")
            await writer.send("go")
            await command_steadily(writer, count, sizes.latency_rate)
            seen = await reader.answer(ANSWER_SECONDS)
            await writer.send("stop")
            written = await writer.answer(ANSWER_SECONDS)
        await rig.expect_in_topic(partner_topic_name(code), count)
    await rig.delete_topics([partner_topic_name(code)])
    found = [latencies(written["times"], seen[name], count, warm_up, f"{name}_") for name in names]
    together = {name: value for one in found for name, value in one.items()}
    return {**together, BEHIND: max(one[BEHIND] for one in found)}


async def _measure(rig: Rig, sizes: Sizes) -> Figures:
    return await measure_readings(rig, sizes, "readings_reader", READINGS_OF)


READINGS = Measure(
    key="readings",
    title=lambda sizes: f"Commit → partner by each reading, {sizes.latency_rate} commands/s, all readings at once",
    metrics=tuple(
        Metric(f"{name}_{rank}", f"ms, {rank}, {text}", 1, scheduled=True)
        for name, text in READINGS_OF.items()
        for rank in ("p50", "p99")
    ),
    arms=(ArmOf("Maillage", _measure),),
    needs=needs_partner_listener,
    goals=tuple(
        Goal(f"commit → partner by {text}: p99 ≤ 250 ms, all four at once", f"{name}_p99", 250)
        for name, text in READINGS_OF.items()
    ),
)
