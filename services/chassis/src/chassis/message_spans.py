"""Spans of messages, after OpenTelemetry's messaging conventions 1.44.

`create` gives each event its creation context, in the transaction that writes it; `send` is the relay's batch and links
to those; `process` is a child of its event's creation context, so that a trace runs from the human act to the last
reader; the batch a consumer reads is a span of its own, linked both ways. What is not sampled makes no span: its
context is only passed on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind
from opentelemetry.util.types import AttributeValue
from structlog.contextvars import bound_contextvars

from chassis.tracing import current, ended, read_traceparent, tracer, under, write_traceparent

if TYPE_CHECKING:
    from chassis.records import Delivery

LINKS_MAX = 128
"""The SDK's own limit; a batch of a thousand keeps the first links only."""

_broker: dict[str, AttributeValue] = {}
"""`server.address` and `server.port` of the broker, on the spans that talk to it; one a process, like its tracer."""

_NOTHING: Final[Mapping[UUID, SpanContext]] = {}
_causes: ContextVar[Mapping[UUID, SpanContext]] = ContextVar("causes", default=_NOTHING)
"""By event id, the contexts of the events being processed: what is created because of one becomes its child."""


def name_broker(bootstrap: str) -> None:
    """Name the broker on spans from now on; several addresses name none, since any of them may have answered."""
    _broker.clear()
    host, _, port = bootstrap.rpartition(":")
    if host and port.isdecimal() and "," not in bootstrap:
        _broker.update({"server.address": host.strip("[]"), "server.port": int(port)})


def create_span(topic: str, message_id: UUID, correlation_id: UUID, cause: UUID | None = None) -> str | None:
    """Record that a message is created; return its creation context as a `traceparent`, for its headers.

    A child of the processing of event `cause` where that is under way, else of the current span.
    """
    parent = _causes.get().get(cause) if cause is not None else None
    context = parent or trace.get_current_span().get_span_context()
    if context.is_valid and not context.trace_flags.sampled:
        return write_traceparent(context)
    span = tracer().start_span(
        f"create {topic}",
        context=under(parent) if parent is not None else None,
        kind=SpanKind.PRODUCER,
        attributes={
            **_operation("create", "create", topic),
            "messaging.message.id": str(message_id),
            "messaging.message.conversation_id": str(correlation_id),
        },
    )
    span.end()
    return write_traceparent(span.get_span_context())


@contextmanager
def send_span(topic: str, contexts: Sequence[str | None]) -> Iterator[None]:
    """Span the sending of a batch, linked to the creation context of each message that is sampled."""
    links = _links(contexts)
    if not links:
        yield
        return
    attributes = {**_operation("send", "send", topic), **_broker, "messaging.batch.message_count": len(contexts)}
    with current(tracer().start_span(f"send {topic}", kind=SpanKind.CLIENT, attributes=attributes, links=links)):
        yield


@contextmanager
def batch_span(topic: str, group: str, n: int, contexts: Sequence[str | None] = ()) -> Iterator[None]:
    """Span the handling of a batch that was read; the spans of its messages link to it, and it to them."""
    span = tracer().start_span(
        f"receive {topic}",
        kind=SpanKind.CLIENT,
        attributes={
            **_operation("receive", "receive", topic),
            **_broker,
            "messaging.consumer.group.name": group,
            "messaging.batch.message_count": n,
        },
        links=_links(contexts),
    )
    with current(span):
        yield


@contextmanager
def process_span(delivery: Delivery, group: str) -> Iterator[None]:
    """Span the handling of one event, current within the block; log lines within carry the story's id."""
    story = bound_contextvars(correlation_id=str(delivery.envelope.correlation_id))
    with story, _processing(delivery, group) as span:
        if span is None:
            yield
            return
        token = _causes.set({delivery.envelope.id: span.get_span_context()})
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield
        finally:
            _causes.reset(token)


@contextmanager
def process_spans(deliveries: Sequence[Delivery], group: str) -> Iterator[None]:
    """Span the handling of events that are handled together: one span each, none of them current.

    What is created within the block because of one of them (`create_span(…, cause=its id)`) becomes its child.
    """
    with ExitStack() as spans:
        contexts = {}
        for delivery in deliveries:
            creation = read_traceparent(delivery.envelope.traceparent)
            if creation is None:
                continue
            if creation.trace_flags.sampled:
                span = spans.enter_context(_processed(delivery, creation, group))
                creation = span.get_span_context()
            contexts[delivery.envelope.id] = creation
        token = _causes.set(contexts)
        try:
            yield
        finally:
            _causes.reset(token)


@contextmanager
def _processing(delivery: Delivery, group: str) -> Iterator[Span | None]:
    """Yield the span that what this event causes hangs under: an inert one where the event is not sampled."""
    creation = read_traceparent(delivery.envelope.traceparent)
    if creation is None or not creation.trace_flags.sampled:
        yield None if creation is None else NonRecordingSpan(creation)
        return
    with _processed(delivery, creation, group) as span:
        yield span


@contextmanager
def _processed(delivery: Delivery, creation: SpanContext, group: str) -> Iterator[Span]:
    ambient = trace.get_current_span()
    if ambient.is_recording():
        ambient.add_link(creation)
    topic = delivery.source.topic
    span = tracer().start_span(
        f"process {topic}",
        context=under(creation),
        kind=SpanKind.CONSUMER,
        links=[Link(ambient.get_span_context())] if ambient.is_recording() else [],
        attributes={
            **_operation("process", "process", topic),
            "messaging.destination.partition.id": str(delivery.source.partition),
            "messaging.kafka.offset": delivery.source.offset,
            "messaging.consumer.group.name": group,
            "messaging.message.id": str(delivery.envelope.id),
            "messaging.message.conversation_id": str(delivery.envelope.correlation_id),
        },
    )
    with ended(span):
        yield span


def _operation(name: str, kind: str, topic: str) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
        "messaging.destination.name": topic,
    }


def _links(contexts: Sequence[str | None]) -> list[Link]:
    links = []
    for text in contexts:
        # Nearly all of a backlog is not sampled: its last digit, which says so, is even.
        if not text or text[-1] in "02468ace":
            continue
        context = read_traceparent(text)
        if context is not None and context.trace_flags.sampled:
            links.append(Link(context))
            if len(links) == LINKS_MAX:
                break
    return links
