"""The process's tracer, and W3C trace contexts as text.

Everything that makes spans asks here, so that a process is configured once (telemetry.configure) and a test can swap
the tracer. Before that, and with OTEL_SDK_DISABLED, spans are inert and carry no context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracer,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)

_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")

_tracer: Tracer = NoOpTracer()


def tracer() -> Tracer:
    """Return the tracer in use."""
    return _tracer


def use(replacement: Tracer) -> Tracer:
    """Make `replacement` the tracer in use; return the one before."""
    global _tracer  # one tracer a process, like logging's root
    before, _tracer = _tracer, replacement
    return before


def read_traceparent(text: str | None) -> SpanContext | None:
    """Return the remote context that `text` names, or None when it names none."""
    found = _TRACEPARENT.fullmatch(text) if text else None
    if found is None:
        return None
    context = SpanContext(
        int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(int(found[3], 16) & 1)
    )
    return context if context.is_valid else None


def write_traceparent(context: SpanContext) -> str | None:
    """Return `context` as a `traceparent`, or None when it is not valid."""
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"


def under(parent: SpanContext) -> Context:
    """Return a context whose current span is `parent`, recorded elsewhere."""
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def inject(headers: MutableMapping[str, str]) -> None:
    """Add the current context to outgoing HTTP headers."""
    traceparent = write_traceparent(trace.get_current_span().get_span_context())
    if traceparent is not None:
        headers["traceparent"] = traceparent


@contextmanager
def ended(span: Span) -> Iterator[Span]:
    """End `span` with the block; a failure leaves its type only, since its text may hold anything."""
    try:
        yield span
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        span.end()


@contextmanager
def current(span: Span) -> Iterator[Span]:
    """Make `span` the current one within the block, and end it there as `ended` does."""
    with ended(span), trace.use_span(span, record_exception=False, set_status_on_exception=False):
        yield span


@contextmanager
def timer_span(kind: str) -> Iterator[Span]:
    """Span the firing of a timer: the root of a trace of its own, whatever runs around it."""
    span = tracer().start_span(
        f"timer {kind}", context=Context(), kind=SpanKind.INTERNAL, attributes={"maillage.timer.kind": kind}
    )
    with current(span):
        yield span
