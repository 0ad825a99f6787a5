"""The shape of a trace: who is whose parent, what is linked, what is named, and what is never in a span."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from chassis import message_spans, problems, telemetry, tracing
from chassis.records import Delivery
from chassis.settings import ServiceSettings
from chassis.telemetry import batch_span, client_span, create_span, process_span, process_spans, send_span
from chassis.testing.events import source_of_event, submitted
from chassis.tracing import timer_span
from maillage_contracts import envelope_for

CANARY = "Zorglub-Canari"
TOPIC = "referrals-referral-v1"
SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = SAMPLED[:-2] + "00"


def settings(**changes: object) -> ServiceSettings:
    values = {"stack": "test", "http_port": 1, "database_dsn": "postgresql://unused", **changes}
    return ServiceSettings.model_validate(values)


class Recorded:
    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.all() if span.name == name]
        return found


@pytest.fixture
async def spans() -> AsyncIterator[Recorded]:
    exporter = InMemorySpanExporter()
    running = telemetry.configure(settings(), "referrals", "1.2.3", exporter=exporter)
    yield Recorded(exporter)
    await running.close()


@pytest.fixture(autouse=True)
def _inert_afterwards() -> Iterator[None]:
    before = tracing.tracer()
    yield
    assert tracing.tracer() is before


def delivery(traceparent: str | None) -> Delivery:
    event = submitted()
    envelope = envelope_for(
        event, id=uuid4(), source="/referrals", time=datetime(2026, 3, 1, tzinfo=UTC), correlation_id=uuid4()
    )
    return Delivery(event, replace(envelope, traceparent=traceparent), source_of_event(event, offset=41, partition=3))


def span_id(traceparent: str | None) -> int:
    assert traceparent is not None
    return int(traceparent.split("-")[2], 16)


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def links_of(span: ReadableSpan) -> list[int]:
    return [link.context.span_id for link in span.links]


async def test_trace_hangs_together_from_request_to_second_reader(spans: Recorded) -> None:
    with client_span("POST", "/referrals", {"server.address": "127.0.0.1"}):
        first = create_span(TOPIC, uuid4(), uuid4())
    read = delivery(first)
    with batch_span(TOPIC, "partners-referrals", 1), process_span(read, "partners-referrals"):
        second = create_span("partner-cd93-v1", uuid4(), uuid4(), cause=read.envelope.id)

    create, process = spans.one(f"create {TOPIC}"), spans.one(f"process {TOPIC}")
    assert parent_of(create) == id_of(spans.one("POST /referrals"))
    assert id_of(create) == span_id(first)
    assert parent_of(process) == id_of(create)
    assert parent_of(spans.one("create partner-cd93-v1")) == id_of(process)
    traces = {span.context.trace_id for span in spans.all() if span.context and not span.name.startswith("receive")}
    assert len(traces) == 1
    assert id_of(spans.one("create partner-cd93-v1")) == span_id(second)


async def test_projected_batch_keeps_each_events_own_trace(spans: Recorded) -> None:
    reads = [delivery(create_span(TOPIC, uuid4(), uuid4())) for _ in range(2)]
    with batch_span(TOPIC, "g", 2), process_spans(reads, "g"):
        made = [create_span("partner-cd93-v1", uuid4(), uuid4(), cause=read.envelope.id) for read in reads]

    by_id = {id_of(span): span for span in spans.all()}
    for read, traceparent in zip(reads, made, strict=True):
        process = by_id[parent_of(by_id[span_id(traceparent)]) or 0]
        assert process.name == f"process {TOPIC}"
        assert parent_of(process) == span_id(read.envelope.traceparent)


async def test_batch_and_its_messages_link_to_one_another(spans: Recorded) -> None:
    read = delivery(SAMPLED)
    with batch_span(TOPIC, "g", 1), process_span(read, "g"):
        pass

    batch, process = spans.one(f"receive {TOPIC}"), spans.one(f"process {TOPIC}")
    assert links_of(batch) == [span_id(SAMPLED)]
    assert links_of(process) == [id_of(batch)]
    assert parent_of(batch) is None


async def test_sending_links_to_the_sampled_messages_of_its_batch(spans: Recorded) -> None:
    with send_span(TOPIC, [SAMPLED, None, UNSAMPLED, "garbage"]):
        pass
    with send_span(TOPIC, [UNSAMPLED, None]):
        pass

    send = spans.one(f"send {TOPIC}")
    assert (send.kind, links_of(send)) == (SpanKind.CLIENT, [span_id(SAMPLED)])
    assert send.attributes is not None
    assert send.attributes["messaging.batch.message_count"] == 4


async def test_talking_to_the_broker_names_it(spans: Recorded) -> None:
    running = telemetry.configure(settings(kafka_bootstrap="[::1]:9092"), "x", "1", exporter=InMemorySpanExporter())
    await running.close()
    with send_span(TOPIC, [SAMPLED]), batch_span(TOPIC, "g", 1):
        create_span(TOPIC, uuid4(), uuid4())
    for name in (f"send {TOPIC}", f"receive {TOPIC}"):
        found = spans.one(name).attributes or {}
        assert (found["server.address"], found["server.port"]) == ("::1", 9092)
    assert "server.address" not in (spans.one(f"create {TOPIC}").attributes or {})

    message_spans.name_broker("a:9092,b:9092")
    with batch_span("other", "g", 1):
        pass
    assert "server.address" not in (spans.one("receive other").attributes or {})


async def test_a_timer_starts_a_trace_of_its_own(spans: Recorded) -> None:
    with client_span("GET", "/around", {}), timer_span("overdue"):
        create_span(TOPIC, uuid4(), uuid4())
    with pytest.raises(ValueError), timer_span("expired"):
        raise ValueError(CANARY)

    timer, create = spans.one("timer overdue"), spans.one(f"create {TOPIC}")
    assert (timer.kind, timer.parent, parent_of(create)) == (SpanKind.INTERNAL, None, id_of(timer))
    assert dict(timer.attributes or {}) == {"maillage.timer.kind": "overdue"}
    failed = spans.one("timer expired")
    assert (failed.status.status_code, (failed.attributes or {})["error.type"]) == (StatusCode.ERROR, "ValueError")
    assert CANARY not in failed.to_json()


async def test_attributes_follow_the_messaging_conventions(spans: Recorded) -> None:
    read = delivery(SAMPLED)
    with process_span(read, "partners-referrals"):
        pass

    process = spans.one(f"process {TOPIC}")
    assert process.kind == SpanKind.CONSUMER
    assert dict(process.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": TOPIC,
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 41,
        "messaging.consumer.group.name": "partners-referrals",
        "messaging.message.id": str(read.envelope.id),
        "messaging.message.conversation_id": str(read.envelope.correlation_id),
    }


async def test_unsampled_message_makes_no_span_and_passes_its_context_on(spans: Recorded) -> None:
    with process_span(delivery(UNSAMPLED), "g"):
        assert create_span(TOPIC, uuid4(), uuid4()) == UNSAMPLED

    assert spans.all() == []


async def test_failure_leaves_its_type_only(spans: Recorded) -> None:
    with pytest.raises(ValueError), process_span(delivery(SAMPLED), "g"):
        raise ValueError(CANARY)
    with pytest.raises(ValueError), client_span("GET", "/claims", {}):
        raise ValueError(CANARY)

    for span in spans.all():
        assert (span.attributes or {})["error.type"] == "ValueError"
        assert span.status.status_code == StatusCode.ERROR
        assert CANARY not in span.to_json()


def app() -> FastAPI:
    made = FastAPI()
    problems.install(made)
    made.add_middleware(telemetry.TracingMiddleware)
    router = APIRouter(prefix="/referrals")

    @router.get("/{referral_id}")
    async def one(referral_id: str) -> dict[str, str]:
        return {"trace": f"{get_current_span().get_span_context().trace_id:032x}"}

    @router.post("/{referral_id}/fail")
    async def fail(referral_id: str) -> None:
        raise ValueError(CANARY)

    made.include_router(router)
    return made


async def ask(method: str, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app()), base_url="http://test") as client:
        return await client.request(method, path, headers=headers)


async def test_request_is_named_by_its_route_and_hangs_under_its_caller(spans: Recorded) -> None:
    answer = await ask("GET", f"/referrals/{CANARY}?q={CANARY}", traceparent=SAMPLED)

    server = spans.one("GET /referrals/{referral_id}")
    assert answer.json() == {"trace": SAMPLED.split("-")[1]}
    assert (server.kind, parent_of(server)) == (SpanKind.SERVER, span_id(SAMPLED))
    assert dict(server.attributes or {}) == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "http.route": "/referrals/{referral_id}",
        "http.response.status_code": 200,
    }
    assert CANARY not in server.to_json()


async def test_failed_request_gives_its_trace_as_incident(spans: Recorded) -> None:
    answer = await ask("POST", "/referrals/1/fail")

    server = spans.one("POST /referrals/{referral_id}/fail")
    assert server.context is not None
    assert answer.headers["maillage-incident"] == f"{server.context.trace_id:032x}"
    assert (server.attributes or {})["error.type"] == "500"
    assert CANARY not in server.to_json()


async def test_unknown_path_and_method_stay_out_of_span_names(spans: Recorded) -> None:
    await ask("GET", f"/{CANARY}")
    await ask(CANARY.upper(), "/referrals/1")
    await ask("GET", "/health/live")

    assert [span.name for span in spans.all()] == ["GET", "HTTP /referrals/{referral_id}"]
    assert all(CANARY.lower() not in span.to_json().lower() for span in spans.all())


async def test_without_an_endpoint_contexts_exist_and_nothing_is_sampled() -> None:
    running = telemetry.configure(settings(), "referrals", "1.2.3")
    with client_span("GET", "/", {}) as span:
        assert span.get_span_context().is_valid
        traceparent = create_span(TOPIC, uuid4(), UUID(int=1))
    await running.close()

    assert traceparent is not None
    assert traceparent.endswith("-00")


async def test_disabled_sdk_makes_no_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    running = telemetry.configure(settings(), "referrals", "1.2.3", exporter=InMemorySpanExporter())

    assert create_span(TOPIC, uuid4(), uuid4()) is None
    await running.close()


async def test_absent_collector_does_not_hold_up_the_stop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    accepted = []

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)

    silent = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    caplog.set_level(logging.CRITICAL, logger="opentelemetry")
    running = telemetry.configure(settings(), "referrals", "1.2.3")
    create_span(TOPIC, uuid4(), uuid4())

    started = time.monotonic()
    await running.close()
    assert time.monotonic() - started < telemetry.STOP_SECONDS + 1
    for writer in accepted:
        writer.close()
    silent.close()


async def test_share_of_traces_recorded_follows_the_setting() -> None:
    exporter = InMemorySpanExporter()
    running = telemetry.configure(settings(trace_ratio=0.0), "referrals", "1.2.3", exporter=exporter)
    create_span(TOPIC, uuid4(), uuid4())
    with send_span(TOPIC, [SAMPLED]):
        pass
    await running.close()

    assert [span.name for span in exporter.get_finished_spans()] == [f"send {TOPIC}"]


@pytest.mark.parametrize(
    "text", ["", "00-", SAMPLED + "-1", "01" + SAMPLED[2:], "00-" + "0" * 32 + SAMPLED[35:], SAMPLED.upper()]
)
def test_malformed_context_is_no_context(text: str) -> None:
    assert tracing.read_traceparent(text) is None


@pytest.mark.parametrize("text", [SAMPLED, UNSAMPLED])
def test_context_survives_being_written(text: str) -> None:
    context = tracing.read_traceparent(text)

    assert context is not None
    assert tracing.write_traceparent(context) == text
