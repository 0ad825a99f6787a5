"""What the projection writes: bytes, traces, erasures; and when it waits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import telemetry
from chassis.clock import SystemClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.errors import DependencyDown
from chassis.outbox import Doorbell
from chassis.records import Source, parse
from chassis.settings import ServiceSettings
from chassis.testing.events import AT, example, source_of_event
from maillage_contracts import (
    AccompanimentAccepted,
    AccompanimentActivated,
    AccompanimentProposed,
    AppointmentBooked,
    AppointmentHeld,
    EnrolmentWaitlisted,
    Event,
    PersonErased,
    PersonIdentified,
    ReferralLeftScope,
    ReferralSnapshot,
    ReferralSubmitted,
    Routing,
    encode,
    encode_structured,
    envelope_for,
    topic_for,
)
from maillage_contracts.codec import decode
from partners.adapters.postgres.streams import GATE
from partners.adapters.subscribers import subscriptions

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACE = f"00-{TRACE_ID}-b7ad6b7169203331-01"


def routing(commune: str = "93048") -> Routing:
    return Routing(
        commune=commune,
        referrer_organisation_id=uuid4(),
        receiver_organisation_id=uuid4(),
        sender_kind="association",
    )


def submitted(commune: str = "93048") -> ReferralSubmitted:
    return ReferralSubmitted(
        referral_id=uuid4(),
        aggregate_version=1,
        routing=routing(commune),
        themes=("numerique--acceder-a-une-connexion-internet",),
        submitted_at=AT,
    )


def processors(db: Database) -> list[Processor]:
    clock = SystemClock()
    return [Processor("partners", one, db, clock, Doorbell()) for one in subscriptions(clock)]


def traced(event: Event, value_suffix: bytes = b"") -> Source:
    """A record with a trace, whose value a later minor version may have written."""
    envelope = envelope_for(event, id=uuid4(), source="/referrals", time=AT, correlation_id=uuid4(), traceparent=TRACE)
    record = encode(event, envelope)
    value = record.value[:-1] + value_suffix + b"}"
    return Source(record.topic, 0, 0, record.key, list(record.headers), value)


@pytest.fixture
async def on_kafka(service: Service, db: Database) -> None:
    """A council for Montreuil whose topic follows its stream."""
    await service.organisation("cd93", collectivities=["93D"])
    async with db.connection() as tx:
        await tx.execute("UPDATE partner_stream SET kafka_ready_at = now()")
        await tx.execute("DELETE FROM outbox")


async def stored(db: Database) -> tuple[list[asyncpg.Record], list[asyncpg.Record]]:
    async with db.connection() as tx:
        streamed = await tx.fetch("SELECT * FROM stream_events ORDER BY organisation_id, position")
        return streamed, await tx.fetch("SELECT * FROM outbox ORDER BY position")


async def test_copy_is_what_the_codec_would_write_and_keeps_the_values_bytes(on_kafka: None, db: Database) -> None:
    source = traced(submitted(), b',"added_later":[1]')
    await processors(db)[0].process([source])

    [streamed], [sent] = await stored(db)

    assert streamed["payload"] == sent["payload"] == source.value
    assert streamed["headers"] == sent["headers"]
    headers = json.loads(sent["headers"])
    decoded = decode(headers, sent["payload"])
    record = encode(decoded.event, decoded.envelope, topic="partner-cd93-v1")
    assert headers == {name: value.decode() for name, value in record.headers}
    assert (sent["aggregatetype"], sent["aggregateid"].encode()) == (record.topic, record.key)
    assert decoded.envelope.source == "/partners/cd93"
    before = parse(source)
    assert getattr(before, "envelope").id == sent["id"] == decoded.envelope.id  # noqa: B009


async def test_copy_holds_the_bare_event_when_the_source_was_structured(on_kafka: None, db: Database) -> None:
    event = submitted()
    envelope = envelope_for(event, id=uuid4(), source="/referrals", time=AT, correlation_id=uuid4())
    value = json.dumps(encode_structured(event, envelope)).encode()
    source = Source("referrals-referral-v1", 0, 0, b"k", [("content-type", b"application/cloudevents+json")], value)
    await processors(db)[0].process([source])

    [streamed], _ = await stored(db)

    assert json.loads(streamed["payload"]) == json.loads(event.model_dump_json())


async def test_creation_span_is_a_child_of_the_processing_of_the_source(on_kafka: None, db: Database) -> None:
    exporter = InMemorySpanExporter()
    settings = ServiceSettings.model_validate({"stack": "test", "http_port": 1, "database_dsn": "postgresql://x"})
    tracing = telemetry.configure(settings, "partners", "0", exporter=exporter)
    try:
        await processors(db)[0].process([traced(submitted()), traced(submitted())])
        _, sent = await stored(db)
    finally:
        await tracing.close()

    spans = exporter.get_finished_spans()
    process = {span.context.span_id for span in spans if span.name == "process referrals-referral-v1"}
    create = {span.context.span_id: span for span in spans if span.name == "create partner-cd93-v1"}
    written = [int(json.loads(row["headers"])["ce_traceparent"].split("-")[2], 16) for row in sent]
    assert len(process) == 2
    assert sorted(written) == sorted(create)
    assert {span.parent.span_id for span in create.values() if span.parent} == process
    assert {f"{span.context.trace_id:032x}" for span in create.values()} == {TRACE_ID}


async def test_erasure_reaches_only_those_who_were_told_of_the_person(
    service: Service, db: Database, on_kafka: None
) -> None:
    await service.organisation("cd94", collectivities=["94D"])
    person = uuid4()
    identified = PersonIdentified(
        subject_ref=person,
        aggregate_version=1,
        referral_id=uuid4(),
        routing=routing(),
        outcome="matched",
        identified_at=AT,
    )
    erased = PersonErased(subject_ref=person, aggregate_version=2, erased_at=AT)
    persons = processors(db)[1]
    await persons.process([source_of_event(identified)])
    # The council has moved on; what it was told must be erased all the same.
    await service.call("PUT", "/organisations/cd93/territory", json={"communes": ["69123"]})
    await persons.process([source_of_event(erased)])

    streamed, _ = await stored(db)

    assert [row["ce_type"].rsplit(".", 2)[1] for row in streamed] == ["event_erased", "erased"]
    assert [row["subject"] for row in streamed] == [str(streamed[0]["event_id"]), str(person)]


async def test_batch_waits_and_sets_nothing_aside_when_a_scope_edit_takes_long(on_kafka: None, dsn: str) -> None:
    db = Database(f"{dsn}", size=2, application="waiting")
    editor = await asyncpg.connect(dsn)
    async with editor.transaction():
        await editor.execute("SELECT pg_advisory_xact_lock($1)", GATE)
        with pytest.raises(DependencyDown):
            await processors(db)[0].process([source_of_event(submitted())])
    await processors(db)[0].process([source_of_event(submitted())])
    async with db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM dead_letters") == 0
        assert await tx.fetchval("SELECT count(*) FROM stream_events") == 1
    await editor.close()
    await db.close()


async def test_snapshot_tells_how_a_referral_stands_when_a_council_joins(
    service: Service, db: Database, on_kafka: None
) -> None:
    events = [submitted("94028"), submitted("94028")]
    await processors(db)[0].process([source_of_event(event) for event in events])

    await service.organisation("cd94", collectivities=["94D"])

    streamed, _ = await stored(db)
    found = [decode(json.loads(row["headers"]), row["payload"]) for row in streamed]
    snapshots: Sequence[Any] = [one.event for one in found]
    assert {one.referral_id for one in snapshots} == {event.referral_id for event in events}
    assert {(one.status, one.reason, one.aggregate_version) for one in snapshots} == {("submitted", "joined", 1)}
    assert {one.envelope.source for one in found} == {"/partners/cd94"}
    assert all(one.envelope.causation_id for one in found)
    assert len({one.envelope.id for one in found}) == 2


async def test_snapshot_tells_what_goes_on_for_a_referral_and_left_scope_takes_it_all_back(
    service: Service, db: Database, on_kafka: None
) -> None:
    asked = submitted("94028")
    story: dict[str, Any] = {"referral_id": asked.referral_id, "routing": asked.routing, "subject_ref": uuid4()}
    running, over, late = uuid4(), uuid4(), uuid4()
    events: list[Event] = [
        asked,
        example(AccompanimentProposed, **story, accompaniment_id=running, aggregate_version=1),
        example(AccompanimentActivated, **story, accompaniment_id=running, aggregate_version=3),
        # Read late: what is known is the later version's.
        example(AccompanimentAccepted, **story, accompaniment_id=running, aggregate_version=2),
        example(AppointmentBooked, **story, appointment_id=over, aggregate_version=2),
        example(AppointmentHeld, **story, appointment_id=over, aggregate_version=3),
        example(EnrolmentWaitlisted, **story, enrolment_id=late, aggregate_version=4),
    ]
    by_topic = dict(zip((one.topic for one in subscriptions(SystemClock())), processors(db), strict=True))
    for event in events:
        await by_topic[topic_for(event).name].process([source_of_event(event)])

    await service.organisation("cd94", collectivities=["94D"])
    await service.organisation("cd94", communes=["94081"])

    streamed, _ = await stored(db)
    snapshot, left = (decode(json.loads(row["headers"]), row["payload"]).event for row in streamed)
    assert isinstance(snapshot, ReferralSnapshot)
    assert isinstance(left, ReferralLeftScope)
    assert {(step.kind, step.step_id, step.status, step.version) for step in snapshot.steps or ()} == {
        ("accompaniment", running, "active", 3),
        ("enrolment", late, "waitlisted", 4),
    }
    assert left.referral_id == asked.referral_id
