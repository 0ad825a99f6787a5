"""The two guards around every application: bodies are bounded, and failures say nothing of their cause."""

from __future__ import annotations

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.problem import body_too_large, incident
from chassis.sentences import preferred_language

BODY_BYTES_MAX = 262_144
"""Above every legitimate body, far below Kafka's 1 MiB record: what is accepted can always be relayed."""

_log = structlog.get_logger(__name__)


class LastResort:
    """Turn an exception nobody foresaw into a 500 that says nothing of it.

    Inside Starlette's own handler, which raises the exception again and so has the server print it with its text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            problem = incident()
            _log.error("request_failed", exc_info=error, incident=problem.headers["maillage-incident"])
            if started:
                # Half an answer is out: closing the connection is the only honest end.
                raise HalfAnswered from None
            await problem.response(preferred_language(Request(scope)))(scope, receive, send)


class HalfAnswered(Exception):
    """A response failed after its first byte; the connection is closed and the log names the incident."""


class BodyLimit:
    """Refuse a body above `max_bytes` before reading it all, whether its length is announced or not."""

    def __init__(self, app: ASGIApp, max_bytes: int = BODY_BYTES_MAX) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not announced.isdigit() or int(announced[:20]) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        seen = 0
        started = False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise TooLarge(self._max_bytes)
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except TooLarge:
            if started:
                raise HalfAnswered from None
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        language = preferred_language(Request(scope))
        await body_too_large(self._max_bytes).response(language)(scope, receive, send)


class TooLarge(HTTPException):
    """FastAPI re-raises an HTTPException met while reading a body, and calls every other one bad JSON."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(413)
        self.max_bytes = max_bytes
