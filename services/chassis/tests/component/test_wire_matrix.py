"""Writers and readers of the version before, this one and the next, on a real broker: whoever is newer breaks nobody.

Every reader meets every writer. What it does not know is passed and counted; a major it does not know is set aside with
its reason; what an older writer left out has its default.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

import maillage_contracts
from chassis.clock import MovableClock
from chassis.consumer import Processor, Subscription
from chassis.db import Database, Tx
from chassis.ids import new_id
from chassis.kafka import build_broker
from chassis.outbox import Doorbell
from chassis.records import Delivery, Source
from chassis.settings import ServiceSettings
from chassis.subscribe import subscribe
from chassis.testing.events import ASSOCIATION, AT, COUNCIL, source_of_event
from chassis.testing.kafka import create_topic
from maillage_contracts import Event, ReferralSubmitted, Routing, encode_structured, envelope_for
from maillage_contracts.base import Part
from maillage_contracts.types import CommuneCode, OrganisationId, Slug

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]
EMPLOYMENT, COORDINATOR = UUID(int=0xF1), UUID(int=0xC0)
TYPE = ReferralSubmitted.event_type


class RoutingBefore(Part):
    """As it was before employment services took part."""

    commune: CommuneCode
    referrer_organisation_id: OrganisationId
    receiver_organisation_id: OrganisationId
    sender_kind: Slug


class SubmittedBefore(ReferralSubmitted):
    """The version before."""

    routing: RoutingBefore  # type: ignore[assignment]  # it was another class then


class RoutingNext(Routing):
    """As it may be one day."""

    coordinator_organisation_id: OrganisationId | None = None


class SubmittedNext(ReferralSubmitted):
    """The next version: optional fields, here and below."""

    routing: RoutingNext
    urgency: str | None = None


BASE: dict[str, Any] = {
    "commune": "93048", "referrer_organisation_id": ASSOCIATION, "receiver_organisation_id": COUNCIL,
    "sender_kind": "association",
}  # fmt: skip
WRITERS: dict[str, Callable[[], ReferralSubmitted]] = {
    "before": lambda: SubmittedBefore(**_usual(), routing=RoutingBefore(**BASE)),
    "now": lambda: ReferralSubmitted(**_usual(), routing=Routing(**BASE, employment_organisation_id=EMPLOYMENT)),
    "next": lambda: SubmittedNext(
        **_usual(), urgency="soon",
        routing=RoutingNext(
            **BASE, employment_organisation_id=EMPLOYMENT, coordinator_organisation_id=COORDINATOR
        ),
    ),
}  # fmt: skip
READERS: dict[str, type[Event]] = {"before": SubmittedBefore, "now": ReferralSubmitted, "next": SubmittedNext}
KNOWS = {"before": 0, "now": 1, "next": 2}


def _usual() -> dict[str, Any]:
    theme = "numerique--acceder-a-une-connexion-internet"
    return {"referral_id": new_id(), "aggregate_version": 1, "themes": (theme,), "submitted_at": AT}


@dataclass
class Wire:
    """What the writers put on one topic."""

    topic: str
    by_writer: dict[UUID, str]
    majors: list[UUID]
    end: UUID


def retyped(source: Source, ce_type: str, **headers: bytes) -> Source:
    kept = [(name, ce_type.encode() if name == "ce_type" else value) for name, value in source.headers]
    return replace(source, headers=[*kept, *headers.items()])


def structured(event: ReferralSubmitted) -> tuple[UUID, Source]:
    envelope = envelope_for(event, id=new_id(), source="/referrals", time=AT, correlation_id=new_id())
    value = json.dumps(encode_structured(event, envelope), default=str).encode()
    headers = [("content-type", b"application/cloudevents+json")]
    return envelope.id, Source("", 0, 0, str(event.referral_id).encode(), headers, value)


async def write(bootstrap: str) -> Wire:
    """Write each version twice, between what nobody knows yet."""
    topic = await create_topic(bootstrap, partitions=1)
    by_writer: dict[UUID, str] = {}
    majors: list[UUID] = []
    sources: list[Source] = []
    for writer, make in WRITERS.items():
        one = new_id()
        # A header of a later version is nobody's business.
        sources.append(retyped(source_of_event(make(), event_id=one), TYPE, ce_tenant=b"later"))
        two, source = structured(make())
        sources.append(source)
        by_writer |= {one: writer, two: writer}
        sources.append(retyped(source_of_event(make()), "fr.maillage.referrals.referral.annotated.v1"))
        sources.append(retyped(source_of_event(make()), "fr.maillage.benefits.claim.opened.v1"))
        majors.append(new_id())
        sources.append(retyped(source_of_event(make(), event_id=majors[-1]), TYPE.replace(".v1", ".v2")))
    end = new_id()
    sources.append(source_of_event(WRITERS["before"](), event_id=end))
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for source in sources:
        await producer.send_and_wait(topic, source.value, key=source.key, headers=list(source.headers))
    await producer.stop()
    return Wire(topic, by_writer, majors, end)


async def read(wire: Wire, bootstrap: str, dsn: str, name: str) -> tuple[dict[UUID, Any], Processor]:
    """Read the topic to its end with the chassis's consumer; return the events by id."""
    seen: dict[UUID, Any] = {}
    finished = asyncio.Event()

    async def handle(tx: Tx, delivery: Delivery, _: Any) -> None:
        seen[delivery.envelope.id] = delivery.event
        if delivery.envelope.id == wire.end:
            finished.set()

    db = Database(dsn, size=3, application="matrix")
    settings = ServiceSettings(stack="test", http_port=1, database_dsn=SecretStr(dsn), kafka_bootstrap=bootstrap)
    subscription = Subscription(wire.topic, one={READERS[name]: handle})
    processor = Processor(f"reader-{name}", subscription, db, MovableClock(AT), Doorbell())
    broker = build_broker(settings, f"reader-{name}")
    subscribe(broker, processor, instance="0")
    await broker.start()
    try:
        await asyncio.wait_for(finished.wait(), 20)
    finally:
        await broker.stop()
    async with db.connection() as connection:
        rows = await connection.fetch(
            "SELECT event_id, state, cause, type FROM dead_letters WHERE consumer = $1 ORDER BY id", processor.consumer
        )
    assert [(row["event_id"], row["state"], row["cause"]) for row in rows] == [
        (major, "dead", f"UnsupportedMajor: unsupported major version: {TYPE.removesuffix('.v1')}.v2")
        for major in wire.majors
    ]
    await db.close()
    return seen, processor


async def test_every_reader_reads_every_writer(
    database: Callable[[str | None], Awaitable[str]], kafka_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, wire = await database("chassis"), await write(kafka_server.bootstrap)
    models = dict(maillage_contracts.registry.MODELS)
    met = set()
    for reader, model in READERS.items():
        monkeypatch.setattr("maillage_contracts.registry.MODELS", MappingProxyType(models | {TYPE: model}))

        seen, processor = await read(wire, kafka_server.bootstrap, dsn, reader)

        assert list(seen) == [*wire.by_writer, wire.end]
        # Two types that nobody has heard of, from each of three writers.
        assert processor.ignored == 6
        for event_id, writer in wire.by_writer.items():
            event: Any = seen[event_id]
            met.add((writer, reader))
            assert type(event).__name__ == model.__name__
            # What both know is read; what the writer did not know has its default; what we do not know is gone.
            known = min(KNOWS[writer], KNOWS[reader])
            assert event.routing.commune == "93048"
            assert getattr(event.routing, "employment_organisation_id", None) == (EMPLOYMENT if known >= 1 else None)
            assert getattr(event, "urgency", None) == ("soon" if known == 2 else None)
            assert getattr(event.routing, "coordinator_organisation_id", None) == (COORDINATOR if known == 2 else None)
            assert hasattr(event, "urgency") == (reader == "next")
            assert hasattr(event.routing, "employment_organisation_id") == (reader != "before")
    assert len(met) == 9
