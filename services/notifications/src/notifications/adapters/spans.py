"""Spans of notices: each sending hangs under the event that asked for it, whenever it is done.

An attribute names a template, an id or a carrier: never where a message goes, nor what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanKind

from chassis.tracing import current, read_traceparent, tracer, under, write_traceparent
from notifications.app.ports import Prepared, Requested

_SYSTEMS = {"email": "smtp", "sms": "sms"}


def present() -> str | None:
    """Return the context of what is being done, to be kept with a notice."""
    return write_traceparent(trace.get_current_span().get_span_context())


@contextmanager
def within(traceparent: str | None) -> Iterator[None]:
    """Make the kept context current, so that what is created within the block belongs to it."""
    context = read_traceparent(traceparent)
    if context is None:
        yield
        return
    with trace.use_span(NonRecordingSpan(context), record_exception=False, set_status_on_exception=False):
        yield


@contextmanager
def sending(prepared: Prepared, requested: Requested) -> Iterator[None]:
    """Span the handing over of one message to its carrier; a failure leaves its type only."""
    parent = read_traceparent(requested.traceparent)
    span = tracer().start_span(
        f"send {prepared.channel}",
        context=under(parent) if parent is not None else Context(),
        kind=SpanKind.CLIENT,
        attributes={
            "messaging.system": _SYSTEMS[prepared.channel],
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.message.id": str(prepared.notice.notice_id),
            "messaging.message.conversation_id": str(requested.fact.correlation_id),
            "maillage.notice.template": prepared.notice.template,
        },
    )
    with current(span):
        yield


@contextmanager
def checking(requested: Sequence[Requested]) -> Iterator[None]:
    """Span the claim check of a batch, linked to what each of its notices belongs to."""
    contexts = [context for one in requested if (context := read_traceparent(one.traceparent)) is not None]
    sampled = [context for context in contexts if context.trace_flags.sampled]
    if contexts and not sampled:
        with within(requested[0].traceparent):
            yield
        return
    span = tracer().start_span(
        "check contacts",
        context=Context(),
        kind=SpanKind.INTERNAL,
        attributes={"messaging.batch.message_count": len(requested)},
        links=[Link(context) for context in sampled],
    )
    with current(span):
        yield
