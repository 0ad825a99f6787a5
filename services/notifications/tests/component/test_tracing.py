"""One action, one trace: from the event that asked for it to the carrier, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from chassis import telemetry, tracing

Desk = Any
TUESDAY = datetime(2026, 12, 1, 13, 0, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"


@pytest.fixture
def exported(desk: Desk) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    before = tracing.tracer()
    telemetry.configure(desk.runtime.settings, "notifications", "test", exporter=exporter)
    yield exporter
    tracing.use(before)


def named(exported: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exported.get_finished_spans() if span.name == name]


def parent_of(span: ReadableSpan, exported: InMemorySpanExporter) -> str | None:
    found = [s.name for s in exported.get_finished_spans() if span.parent and s.context.span_id == span.parent.span_id]
    return found[0] if found else None


async def test_sending_belongs_to_the_event_that_asked_for_it(desk: Desk, exported: InMemorySpanExporter) -> None:
    source = desk.record(desk.booked(TUESDAY), traceparent=f"{TRACE}-01")
    await desk.tell(source)

    sent = named(exported, "send email")
    assert len(sent) == 3
    for span in sent:
        assert span.kind is SpanKind.CLIENT
        assert format(span.context.trace_id, "032x") == TRACE.split("-")[1]
        assert parent_of(span, exported) == "process registration-appointment-v1"
        assert span.attributes is not None
        assert set(span.attributes) == {
            "messaging.system", "messaging.operation.name", "messaging.operation.type", "messaging.message.id",
            "messaging.message.conversation_id", "maillage.notice.template",
        }  # fmt: skip
        assert (span.attributes["messaging.system"], span.attributes["messaging.operation.name"]) == ("smtp", "send")
        UUID(str(span.attributes["messaging.message.id"]))
    created = named(exported, "create notifications-notice-v1")
    assert [parent_of(span, exported) for span in created] == ["process registration-appointment-v1"] * 3
    (check,) = named(exported, "check contacts")
    assert check.parent is None
    assert {format(link.context.trace_id, "032x") for link in check.links} == {TRACE.split("-")[1]}
    (asked,) = named(exported, "GET /claims/contacts")
    assert parent_of(asked, exported) == "check contacts"


async def test_text_message_is_a_span_of_its_carrier(desk: Desk, exported: InMemorySpanExporter) -> None:
    desk.neighbours.gateway_answers = [503]
    desk.knows()
    await desk.tell(desk.record(desk.offer(TUESDAY), traceparent=f"{TRACE}-01"))
    await desk.later(minutes=1)
    refused, sent = named(exported, "send sms")
    assert refused.attributes is not None
    assert sent.attributes is not None
    assert (refused.attributes["error.type"], refused.status.is_ok) == ("Deferred", False)
    assert (sent.attributes["messaging.system"], sent.events) == ("sms", ())


async def test_what_is_not_sampled_makes_no_span(desk: Desk, exported: InMemorySpanExporter) -> None:
    await desk.tell(desk.record(desk.booked(TUESDAY, uuid4()), traceparent=f"{TRACE}-00"))
    assert exported.get_finished_spans() == ()
