"""From a commit to the partner: its Kafka topic and its feed, through the real partners service.

The events are committed and relayed by ours_service on the topic of referrals, projected by partners into the stream of
an organisation made for the run, and read by a partner's own client.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
from tests.load.measures.measure import BEHIND, ArmOf, Figures, Goal, Measure, Metric
from tests.load.measures.pipeline import ANSWER_SECONDS, command_steadily, commands_of, latencies
from tests.load.processes import service
from tests.load.rig import Rig
from tests.load.sizes import Sizes

from maillage.secrets import Secrets
from maillage.stack.topics import ensure_topics
from maillage.testing.servers import free_ports
from maillage_contracts import ReferralSubmitted, partner_topic_name, topic_for

ACCESS_SECONDS = 30.0
ELSEWHERE = "44109"
"""Nantes: in the other partner's territory, and in no one else's."""

TOPIC = topic_for(ReferralSubmitted).name


@dataclass(frozen=True, slots=True)
class Partner:
    """An organisation with access to its topic and its feed."""

    organisation_id: str
    access: dict[str, Any]
    authorization: str


async def _token(http: httpx.AsyncClient, client: str, secret: str) -> str:
    answer = await http.post("/oauth/token", auth=(client, secret), data={"grant_type": "client_credentials"})
    answer.raise_for_status()
    return f"Bearer {answer.json()['access_token']}"


async def operator_token(http: httpx.AsyncClient, known: Secrets) -> str:
    """Return the header with which an operator acts."""
    return await _token(http, "operator", known.client_secret_file("operator").read_text("utf-8").strip())


async def register(http: httpx.AsyncClient, code: str, **places: list[str]) -> Partner:
    """Register a council with access, as an operator does; of the Seine-Saint-Denis unless places are given."""
    territory = places or {"collectivities": ["93D"]}
    body = {
        "name": "Département exemple", "kind": "council", "phone": "01 99 00 00 00",
        "postal_address": "1 rue de l’Exemple\n93000 Exemple",
        "territory": {"communes": [], "epcis": [], "departements": [], "collectivities": [], **territory},
    }  # fmt: skip
    organisation = (await http.put(f"/organisations/{code}", json=body)).raise_for_status().json()
    client = (await http.post(f"/organisations/{code}/clients")).raise_for_status().json()
    access = (await http.put(f"/organisations/{code}/kafka-access")).raise_for_status().json()
    async with asyncio.timeout(ACCESS_SECONDS):
        while not (await http.get(f"/organisations/{code}/kafka-access")).raise_for_status().json()["ready"]:
            await asyncio.sleep(0.05)
    authorization = await _token(http, client["client_id"], client["client_secret"])
    return Partner(organisation["organisation_id"], access, authorization)


@asynccontextmanager
async def partners_service(rig: Rig, dsn: str, port: int) -> AsyncIterator[tuple[Secrets, psutil.Process]]:
    """Run partners as `maillage` does; give its secrets and its process."""
    known = Secrets(rig.folder / "secrets")
    known.generate()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "MAILLAGE_STACK": "test",
        "MAILLAGE_HTTP_PORT": str(port),
        "MAILLAGE_DATABASE_DSN": dsn,
        "MAILLAGE_KAFKA_BOOTSTRAP": rig.bootstrap,
        "MAILLAGE_KAFKA_PARTNER_BOOTSTRAP": rig.servers.kafka.partner_bootstrap,
        "MAILLAGE_JWKS_URL": f"{url}/.well-known/jwks.json",
        "MAILLAGE_TOKEN_ISSUER": url,
        "MAILLAGE_SIGNING_KEY_FILE": str(known.signing_key_file()),
        "MAILLAGE_BOOTSTRAP_CLIENTS_FILE": str(known.bootstrap_clients_file()),
        "MAILLAGE_MASTER_KEY_FILE": str(known.master_key_file("partners")),
    }
    argv = [sys.executable, "-m", "chassis.serve", "partners"]
    async with service(rig.folder, "partners", argv, environment, f"{url}/health/ready") as process:
        yield known, process


async def measure_partner(rig: Rig, sizes: Sizes, *, rate: int, flood_rate: int = 0) -> Figures:
    """Measure one partner that is told `rate` events a second, while another is told `flood_rate`."""
    await ensure_topics(rig.bootstrap)
    count, warm_up = commands_of(sizes, rate)
    flood = count * flood_rate // rate
    code = f"bench{secrets.token_hex(4)}"
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    async with (
        rig.database("partners") as dsn,
        rig.database() as source,
        partners_service(rig, dsn, port) as (known, _),
        httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http,
    ):
        http.headers["authorization"] = await operator_token(http, known)
        partner = await register(http, code)
        other = await register(http, f"{code}x", communes=[ELSEWHERE])
        await rig.caught_up(f"partners-{TOPIC}", TOPIC)
        reading = {"access": partner.access, "authorization": partner.authorization, "url": url, "expected": count}
        writing = {"dsn": source, "topic": TOPIC, "events": count, "council": partner.organisation_id}
        writing |= {"flood": flood, "flood_spread": True, "flood_commune": ELSEWHERE}
        async with rig.arm("partner_reader", **reading) as reader, rig.arm("ours_service", **writing) as writer:
            await reader.send("go")
            await writer.send("go")
            await asyncio.gather(
                command_steadily(writer, count, rate),
                command_steadily(writer, flood, flood_rate or 1, first=count),
            )
            seen = await reader.answer(ANSWER_SECONDS)
            await writer.send("stop")
            written = await writer.answer(ANSWER_SECONDS)
        await rig.expect_in_topic(partner_topic_name(code), count)
        async with asyncio.timeout(ANSWER_SECONDS):
            while await rig.records_in(other.access["topic"]) < flood:
                await asyncio.sleep(0.1)
    await rig.delete_topics([partner_topic_name(code), other.access["topic"]])
    topic = latencies(written["times"], seen["topic"], count, warm_up, "topic_")
    feed = latencies(written["times"], seen["feed"], count, warm_up, "feed_")
    return {**topic, **feed, BEHIND: max(topic[BEHIND], feed[BEHIND])}


async def _steady(rig: Rig, sizes: Sizes) -> Figures:
    return await measure_partner(rig, sizes, rate=sizes.latency_rate)


def needs_partner_listener(rig: Rig) -> str | None:
    """Return why partners cannot be run on these servers, if they cannot."""
    return (
        None if rig.servers.kafka.partner_bootstrap else "the broker that the environment names has no SCRAM listener"
    )


PARTNER = Measure(
    key="partner",
    title=lambda sizes: f"Commit → partner, {sizes.latency_rate} commands/s, through the partners service",
    metrics=(
        Metric("topic_p50", "ms, p50, its Kafka topic", 1, scheduled=True),
        Metric("topic_p99", "ms, p99, its Kafka topic", 1, scheduled=True),
        Metric("feed_p50", "ms, p50, its feed", 1, scheduled=True),
        Metric("feed_p99", "ms, p99, its feed", 1, scheduled=True),
    ),
    arms=(ArmOf("Maillage", _steady),),
    needs=needs_partner_listener,
    goals=(
        Goal("commit → partner's topic: p50 ≤ 30 ms", "topic_p50", 30),
        Goal("commit → partner's topic: p99 ≤ 100 ms", "topic_p99", 100),
        Goal("commit → partner's feed: p50 ≤ 30 ms", "feed_p50", 30),
        Goal("commit → partner's feed: p99 ≤ 100 ms", "feed_p99", 100),
    ),
)
