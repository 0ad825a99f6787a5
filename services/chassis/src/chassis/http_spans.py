"""Spans of HTTP requests, answered and made: method, route template and status, never a path, query or address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.tracing import current, read_traceparent, tracer, under

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_OTHER: Final = "_OTHER"
_UNTRACED: Final = "/health/"


class TracingMiddleware:
    """Span each request as `{METHOD} {route template}`, a child of the caller's context where it sends one.

    Health checks make no span. Put it outermost, so that the incident id of a 500 is the trace id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_UNTRACED):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        sent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        caller = read_traceparent(sent.decode("latin-1"))
        span = tracer().start_span(
            "HTTP" if method == _OTHER else method,
            context=under(caller) if caller is not None else None,
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.scheme": scope.get("scheme", "http")},
        )

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                _answered(span, message["status"])
            await send(message)

        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                await self._app(scope, receive, watched)
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            _name(span, method, scope)
            span.end()


def _answered(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(Status(StatusCode.ERROR))


def _name(span: Span, method: str, scope: Scope) -> None:
    # Routing leaves the route in the scope; what matched none keeps the method as its name.
    template = getattr(scope.get("route"), "path", None)
    if isinstance(template, str) and span.is_recording():
        span.set_attribute("http.route", template)
        span.update_name(f"{'HTTP' if method == _OTHER else method} {template}")


@contextmanager
def client_span(method: str, route: str, attributes: Mapping[str, str | int]) -> Iterator[Span]:
    """Span a request to another service, current within the block; a failure leaves its type only."""
    span = tracer().start_span(
        f"{method} {route}", kind=SpanKind.CLIENT, attributes={"http.request.method": method, **attributes}
    )
    with current(span):
        yield span
