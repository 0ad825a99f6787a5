"""On a real broker: an accompaniment heard from Kafka, and what follows from it, told on Kafka in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from chassis.ids import new_id
from chassis.testing.kafka import read_until
from maillage_contracts import TOPICS, Event, encode, envelope_for

from .conftest import START, Story, at, opened

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


async def create_topics(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [NewTopic(topic.name, num_partitions=3, replication_factor=1) for topic in TOPICS]
    for created in admin.create_topics(topics).values():
        try:
            await asyncio.to_thread(created.result, 20)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


async def publish(bootstrap: str, *events: Event, correlation_id: UUID) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for event in events:
        envelope = envelope_for(event, id=new_id(), source="/referrals", time=START, correlation_id=correlation_id)
        record = encode(event, envelope)
        await producer.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))
    await producer.stop()


async def told(bootstrap: str, topic: str, key: Any, count: int) -> list[tuple[str, int, str]]:
    """Return what is on a topic under one key: the fact, its version and its story."""

    def ours(records: list[ConsumerRecord[bytes, bytes]]) -> list[tuple[str, int, str]]:
        found = []
        for record in records:
            if record.key == str(key).encode():
                headers = {name: (value or b"").decode() for name, value in record.headers}
                version = json.loads(record.value or b"{}")["aggregate_version"]
                found.append((headers["ce_type"].split(".")[-2], version, headers["ce_correlationid"]))
        return found

    return ours(await read_until(bootstrap, topic, lambda records: len(ours(records)) >= count))


async def test_story_of_an_appointment_on_a_real_broker(
    database: Callable[[str | None], Awaitable[str]], kafka_server: Any, tmp_path: Path
) -> None:
    bootstrap = kafka_server.bootstrap
    await create_topics(bootstrap)
    async with (
        opened(await database("registration"), tmp_path, bootstrap) as desk,
        desk.app.router.lifespan_context(desk.app),
    ):
        person = await desk.person()
        story = Story(person.subject_ref, person.referral_id, person.accompaniment_id, new_id())
        await publish(bootstrap, story.proposed(), story.activated(), correlation_id=story.correlation_id)
        persons = await told(bootstrap, "registration-person-v1", story.subject_ref, 2)
        assert [(fact, version) for fact, version, _ in persons] == [("identified", 1), ("tier_changed", 2)]

        appointment_id = await desk.booked(story)
        token = await desk.link(story, appointment_id)
        for date in (at(2), at(3)):
            assert (await desk.by_link(token, "postponement", {"starts_at": date})).status_code == 200
        assert await told(bootstrap, "registration-appointment-v1", appointment_id, 6) == [
            (fact, version, str(story.correlation_id))
            for version, fact in enumerate(
                ["proposed", "booked", "postponed", "booked", "postponed", "booked"], start=1
            )
        ]

        erased = await desk.http.post("/person/erasure", headers={"maillage-link": token})
        assert erased.status_code == 200
        assert (await told(bootstrap, "registration-person-v1", story.subject_ref, 3))[-1][:2] == ("erased", 3)
        # What is heard of them afterwards, by another topic, is passed: nobody waits, and nothing is set aside.
        await publish(bootstrap, story.ended(), correlation_id=story.correlation_id)
        async with asyncio.timeout(30):
            while len(await desk.rows("SELECT FROM inbox")) < 3:
                await asyncio.sleep(0.05)
        assert await desk.rows("SELECT FROM known_accompaniments") == await desk.rows("SELECT FROM dead_letters") == []
        assert (await desk.http.get("/health/ready")).json()["ready"] is True
