"""The desk's HTTP side: pages for people, JSON for programs, the provider's API, and the intake of spans.

Everything shown was written by somebody else: pages escape it, load nothing, run nothing, and are kept by no cache.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.clock import Clock, ShiftedClock, SystemClock
from maillage.api import http_client
from maillage.desk import otlp, provider, smtp
from maillage.desk.mail import MailBox
from maillage.desk.pages import STATIC, Pages
from maillage.desk.receipts import Receipts
from maillage.desk.settings import DeskSettings
from maillage.desk.sms import SmsBox
from maillage.desk.spans import SpanStore, as_json
from maillage.desk.zipkin import Forwarder

HOSTS = ("127.0.0.1", "localhost")
"""A page elsewhere whose name was pointed at this machine (DNS rebinding) is refused."""

SPANS_MAX = 20_000
"""In one answer: some 16 MB."""

PROTECTED = {
    b"content-security-policy": b"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
    b" form-action 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What the desk keeps."""

    settings: DeskSettings
    clock: Clock
    mails: MailBox
    messages: SmsBox
    spans: SpanStore


def open_desk(settings: DeskSettings) -> Desk:
    """Read what an earlier run kept."""
    clock = ShiftedClock(settings.clock_file) if settings.clock_file is not None else SystemClock()
    folder = settings.folder
    return Desk(settings, clock, MailBox(folder), SmsBox(folder), SpanStore(folder))


def create_app(desk: Desk, version: str) -> Starlette:
    """Build the application; its lifespan listens for e-mails and tells receipts."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(http_client())
            settings = desk.settings
            receipts = Receipts(desk.messages, http, settings.notifications_url, settings.sms_token, desk.clock)
            stack.push_async_callback(receipts.close)
            receipts.resume()
            app.state.receipts = receipts
            if settings.zipkin_url:
                app.state.forwarder = forwarder = Forwarder(desk.spans, http, settings.zipkin_url)
                telling = asyncio.create_task(forwarder.run())
                stack.callback(telling.cancel)
            if settings.smtp_port:
                server = await smtp.listen(desk.mails, desk.clock, settings.smtp_port, settings.host)
                stack.callback(server.close)
            yield

    async def ready(request: Request) -> Response:
        return JSONResponse({"service": "desk", "version": version, "ready": True, "checks": {}})

    app = Starlette(
        routes=[
            Route("/health/ready", ready),
            Route("/v1/traces", take_spans, methods=["POST"]),
            Route("/spans.json", show_spans),
            Route("/mail.json", show_mails),
            Route("/sms.json", show_messages),
            Route("/sms-api/messages", provider.take, methods=["POST"]),
            *Pages(desk).routes(),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(Protect),
            Middleware(TrustedHostMiddleware, allowed_hosts=[*HOSTS, *desk.settings.names]),
        ],
        lifespan=lifespan,
    )
    app.state.desk = desk
    app.state.forwarder = None
    return app


class Protect:
    """Add the headers of `PROTECTED` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *PROTECTED.items()]
            await send(message)

        await self._app(scope, receive, protected)


async def take_spans(request: Request) -> Response:
    """Receive spans as OTLP over HTTP; protobuf only, which is what the SDK sends."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-protobuf":
        return Response(status_code=415)
    body = await request.body()
    try:
        spans = otlp.read(body, gzipped=request.headers.get("content-encoding") == "gzip")
    except otlp.Unreadable:
        return Response(status_code=400)
    _desk(request).spans.add(spans)
    # An empty ExportTraceServiceResponse: everything was accepted.
    return Response(b"", media_type="application/x-protobuf")


async def show_spans(request: Request) -> Response:
    """Return spans: of a story, of a trace, or those after a cursor; the cursor returned is the newest span's."""
    store, asked = _desk(request).spans, request.query_params
    if story := asked.get("correlation_id"):
        found, cursor = store.of_story(story), store.last
    elif trace_id := asked.get("trace_id"):
        found, cursor = store.of_trace(trace_id), store.last
    else:
        after = int(asked["after"]) if asked.get("after", "").isdecimal() else 0
        found = store.after(after, SPANS_MAX)
        cursor = found[-1].number if found else min(after, store.last)
    return StreamingResponse(as_json(found[-SPANS_MAX:], cursor), media_type="application/json")


async def show_mails(request: Request) -> Response:
    """Return the mails, newest first; of one recipient when `to` names it."""
    to = request.query_params.get("to")
    return _items([mail.document() for mail in _desk(request).mails.newest_first() if to in (None, mail.to)])


async def show_messages(request: Request) -> Response:
    """Return the text messages, newest first; of one number when `to` names it."""
    to = request.query_params.get("to")
    return _items([sms.document() for sms in _desk(request).messages.newest_first() if to in (None, sms.to)])


def _items(items: list[dict[str, object]]) -> Response:
    return Response(json.dumps({"items": items}, ensure_ascii=False), media_type="application/json")


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk
