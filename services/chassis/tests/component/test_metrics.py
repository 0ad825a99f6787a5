"""What /metrics says of a process with real parts, and that it names nobody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from fastapi import APIRouter
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from chassis.app import Parts, build_app
from chassis.consumer import Subscription
from chassis.db import Database
from chassis.ids import new_id
from chassis.outbox import OutboxRow, append
from chassis.runtime import build_runtime
from chassis.settings import ServiceSettings
from chassis.testing.consumer_process import EFFECTS, effect
from chassis.testing.events import received, source_of_event, submitted
from chassis.testing.kafka import create_topic
from maillage_contracts import ReferralReceived, ReferralSubmitted

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

CANARY = "Zorglub-Canari"


async def test_metrics_tell_what_waits_what_was_done_and_nothing_of_anybody(
    database: Callable[[str | None], Awaitable[str]], kafka_server: Any
) -> None:
    dsn, bootstrap = await database("chassis"), kafka_server.bootstrap
    topic, unrelated = await create_topic(bootstrap, partitions=1), await create_topic(bootstrap, partitions=1)
    db = Database(dsn, size=2, application="test")
    referral = new_id()
    async with db.transaction() as tx:
        await tx.execute(EFFECTS)
        await append(
            tx,
            OutboxRow(new_id(), unrelated, CANARY, "test", "{}", CANARY.encode()),
            OutboxRow(new_id(), "test-nowhere", CANARY, "test", "{}", CANARY.encode()),
        )
    good, dead = source_of_event(submitted()), replace(source_of_event(submitted(referral)), value=b"{")
    await publish(bootstrap, topic, [good, dead, source_of_event(received(referral))])
    router = APIRouter()

    @router.get("/people/{person_id}")
    async def person(person_id: str) -> dict[str, str]:
        return {"id": person_id}

    handlers: dict[Any, Any] = {ReferralSubmitted: effect, ReferralReceived: effect}
    settings = ServiceSettings(
        stack="test", http_port=0, database_dsn=SecretStr(dsn), kafka_bootstrap=bootstrap, instance=new_id().hex
    )
    runtime = build_runtime("testing", settings)
    await make_topics(bootstrap, [subscription.topic for subscription in runtime.directory.subscriptions()])
    app = build_app(runtime, Parts(routers=[router], subscriptions=[Subscription(topic, one=handlers)]))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        await http.get(f"/people/{CANARY}")
        await http.get(f"/{CANARY}")
        wanted = {
            ("maillage_http_requests_total", "GET", "/people/{person_id}", "200"): 1,
            ("maillage_http_requests_total", "GET", "", "404"): 1,
            ("maillage_consumer_events_total", "handled", topic): 1,
            ("maillage_consumer_events_total", "dead", topic): 1,
            ("maillage_consumer_events_total", "held", topic): 1,
            ("maillage_consumer_lag_records", topic): 0,
            ("maillage_consumer_waiting", topic): 0,
            ("maillage_consumer_stopped", topic): 0,
            ("maillage_dead_letters_rows", "dead"): 1,
            ("maillage_dead_letters_rows", "held"): 1,
            ("maillage_outbox_rows",): 1,
            ("maillage_outbox_parked_rows",): 0,
            ("maillage_relay_active",): 1,
            ("maillage_relay_sent_total",): 1,
        }
        text = ""
        found: dict[tuple[str, ...], float] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(40):
                while not wanted.items() <= found.items():
                    text = (await http.get("/metrics")).text
                    found = samples(text)
                    await asyncio.sleep(0.2)
        assert wanted.items() - found.items() == set()

    assert found[("maillage_outbox_oldest_seconds",)] > 0
    assert CANARY not in text
    assert str(referral) not in text
    await db.close()


async def make_topics(bootstrap: str, names: list[str]) -> None:
    """Make the topics that every service reads, where no other test has made them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        with contextlib.suppress(KafkaException):
            await asyncio.to_thread(future.result, 20)


async def publish(bootstrap: str, topic: str, sources: list[Any]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    await producer.start()
    for source in sources:
        await producer.send_and_wait(topic, source.value, key=source.key, headers=list(source.headers))
    await producer.stop()


def samples(text: str) -> dict[tuple[str, ...], float]:
    # Labels are written in the order of their names.
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
