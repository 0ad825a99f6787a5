"""The real process on a real broker: killed between sending and recording, and what is found of a person afterwards."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from chassis.clock import SystemClock
from chassis.db import Database
from chassis.testing.events import example
from chassis.testing.kafka import create_contract_topics, read_until
from maillage.testing.servers import KafkaServer, free_ports
from maillage_contracts import (
    AppointmentBooked,
    EnrolmentConfirmed,
    Event,
    NoticeSent,
    OrganisationRegistered,
    Routing,
    encode,
    envelope_for,
    topic_for,
)

Edge = Any
KILLED = -9
SECONDS = 60
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def bus(kafka_server: KafkaServer) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that stands for the other services, and every topic."""
    await create_contract_topics(kafka_server.bootstrap)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap, acks="all")
    await producer.start()
    yield producer
    await producer.stop()


@dataclass
class Service:
    """How to start the process, and what it said."""

    environment: dict[str, str]
    output: Path
    db: Database

    @asynccontextmanager
    async def running(self, faults: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
        environment = {**os.environ, **self.environment, "MAILLAGE_FAULT_POINTS": faults}
        with self.output.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "chassis.serve", "notifications", env=environment, stdout=output, stderr=output
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        async with self.db.connection() as connection:
            return list(await connection.fetch(statement, *values))

    async def until(self, question: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(SECONDS):
            while not await question():
                await asyncio.sleep(0.1)

    async def everything_kept(self) -> str:
        """Return every row of every table, as text."""
        tables = await self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert {"notices", "deliveries", "outbox"} <= {row["tablename"] for row in tables}
        kept = [await self.rows(f"SELECT t::text FROM {table['tablename']} AS t") for table in tables]
        return "\n".join(str(row) for rows in kept for row in rows)


@pytest.fixture
async def service(
    database: Callable[[str | None], Awaitable[str]], kafka_server: KafkaServer, edge: Edge, tmp_path: Path
) -> AsyncIterator[Service]:
    dsn = await database("notifications")
    (tmp_path / "secret").write_text("made-up")
    (tmp_path / "sms-token").write_text(edge.token)
    environment = {
        "STACK": "test", "HTTP_PORT": str(free_ports(1)[0]), "DATABASE_DSN": dsn, "QUIET_HOURS": "off",
        "KAFKA_BOOTSTRAP": kafka_server.bootstrap, "TOKEN_URL": f"{edge.url}/oauth/token", "LOG_LEVEL": "DEBUG",
        "CLIENT_ID": "notifications", "CLIENT_SECRET_FILE": str(tmp_path / "secret"), "REGISTRATION_URL": edge.url,
        "PARTNERS_URL": edge.url,
        "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(edge.post.port), "SMS_URL": f"{edge.url}/sms-api",
        "SMS_TOKEN_FILE": str(tmp_path / "sms-token"), "PORTAL_URL": "http://portail.test",
    }  # fmt: skip
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": edge.url, "OTEL_BSP_SCHEDULE_DELAY": "200", "NO_PROXY": "127.0.0.1"}
    db = Database(dsn, size=2, application="test")
    named = {f"MAILLAGE_{name}": value for name, value in environment.items()}
    yield Service(named | traced, tmp_path / "output", db)
    await db.close()


async def publish(bus: AIOKafkaProducer, *events: Event, times: int = 1) -> UUID:
    """Publish events of one story, each `times` times under its own id; return the story's."""
    story = uuid4()
    for event in events:
        envelope = envelope_for(
            event, id=uuid4(), source="/test", time=SystemClock().now(), correlation_id=story, traceparent=TRACE
        )
        record = encode(event, envelope)
        for _ in range(times):
            await bus.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))
    return story


def joined(kind: str) -> OrganisationRegistered:
    code = f"x{uuid4().hex[:8]}"
    return example(OrganisationRegistered, organisation_id=uuid4(), code=code, kind=kind, email=f"{code}@exemple.test")


def spans_of(edge: Edge, name: str) -> list[Any]:
    """Return the spans of that name that were exported."""
    requests = [ExportTraceServiceRequest.FromString(body) for body in edge.neighbours.spans]
    return [
        span
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
        if span.name == name
    ]


def contact(mark: str, person: UUID, booked: AppointmentBooked) -> dict[str, Any]:
    """Return what registration knows, each value found nowhere else in the world."""
    id_ = str(booked.appointment_id)
    return {
        "subject_ref": str(person), "version": 1, "gone": False, "language": "fr", "first_name": f"Prénom{mark}",
        "email": f"canary{mark}@exemple.test", "phone": "06 39 98 27 31", "links": {id_: f"token{mark}"},
        "appointments": {
            id_: {
                "status": "booked", "version": 1, "starts_at": booked.starts_at.isoformat(),
                "place": f"37 impasse {mark}", "modality": "in_person",
            }
        },
    }  # fmt: skip


@pytest.mark.fault
async def test_killed_between_sending_and_recording_nobody_is_told_twice_and_nothing_says_who(
    service: Service, bus: AIOKafkaProducer, kafka_server: KafkaServer, edge: Edge
) -> None:
    mark, person, starts_at = uuid4().hex[:12], uuid4(), SystemClock().now() + timedelta(days=20)
    parties = [joined(kind) for kind in ("association", "council", "employment_service", "training_provider")]
    ids = [party.organisation_id for party in parties]
    routing = Routing(
        commune="93048", sender_kind="association", referrer_organisation_id=ids[0], receiver_organisation_id=ids[1],
        employment_organisation_id=ids[2], training_organisation_id=ids[3],
    )  # fmt: skip
    common = {"routing": routing, "subject_ref": person, "starts_at": starts_at, "aggregate_version": 1}
    booked = example(
        AppointmentBooked, **common, appointment_id=uuid4(), organiser_organisation_id=ids[2], modality="in_person"
    )
    confirmed = example(EnrolmentConfirmed, **common, enrolment_id=uuid4())
    edge.neighbours.contacts[str(person)] = contact(mark, person, booked)
    await publish(bus, *parties)

    async with service.running("notices.sent") as process:
        story = await publish(bus, booked, confirmed, times=2)
        async with asyncio.timeout(SECONDS):
            assert await process.wait() == KILLED
    assert edge.post.kept or edge.neighbours.texts, "something was sent"
    assert not await service.rows("SELECT 1 FROM notices WHERE state = 'sent'"), "and nothing was recorded"

    async with service.running():

        async def ended() -> bool:
            # By e-mail: to the person twice, to both organisations; by text message: the seat.
            return len(await service.rows("SELECT 1 FROM notices WHERE state = 'sent'")) == 5

        await service.until(ended)
        records = await read_until(
            kafka_server.bootstrap,
            topic_for(NoticeSent).name,
            lambda found: sum(story_of(r) == story for r in found) >= 5,
        )

        async def traced() -> bool:
            return len(spans_of(edge, "send email")) >= 4

        await service.until(traced)

    # Kept once each, under one Message-ID and one reference, although some were handed over twice.
    assert len({message_id for message_id, _ in edge.post.kept}) == len(edge.post.kept) == 4
    assert len(edge.neighbours.texts) == 1
    assert max([*edge.post.handed_over.values(), *edge.neighbours.handed_over.values()]) == 2
    assert not await service.rows("SELECT 1 FROM dead_letters")
    trace = bytes.fromhex(TRACE.split("-")[1])
    assert all(span.trace_id == trace and span.parent_span_id for span in spans_of(edge, "send email"))

    told = "\n".join(edge.post.texts(f"canary{mark}@exemple.test"))
    assert f"Prénom{mark}" in told, "the canary sings where it may"
    assert f"37 impasse {mark}" in told
    assert f"/rendez-vous/token{mark}" in told
    places = {
        "tables": await service.everything_kept(),
        "logs": service.output.read_text("utf-8"),
        "events": "\n".join(f"{r.key!r} {r.headers!r} {r.value!r}" for r in records),
        "spans": b"\n".join(edge.neighbours.spans).decode("latin-1"),
        "mail headers": "\n".join(raw.split(b"\r\n\r\n", 1)[0].decode() for raw in edge.post.raw),
    }
    assert all(places.values())
    found = {f"{secret} in {name}" for name, text in places.items() for secret in (mark, "39982731", "39 98 27 31")
             if secret in text}  # fmt: skip
    assert not found


def story_of(record: Any) -> UUID:
    return UUID(dict(record.headers)["ce_correlationid"].decode())
