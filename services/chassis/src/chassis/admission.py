"""How many requests are in progress at once: more are told, at once, to come back, so that those admitted are answered.

A body is read before its request counts, within a time: whoever sends slowly holds nobody's place. Health, metrics and
claim checks do not queue behind people; a request that waits for something to happen gives its place back. What is in
progress waits at most ACQUIRE_TIMEOUT_SECONDS for a database connection (db.py), so memory and time are bounded.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.guards import BODY_BYTES_MAX
from chassis.problem import Problem, overloaded, too_slow
from chassis.sentences import preferred_language

CLAIMS_MAX: Final = 32
"""A handful of neighbours ask, with eight connections each at most."""

WAITING_MAX: Final = 2_000
"""Long polls and event streams: some ten kilobytes each."""

READING_MAX: Final = 1_000
"""Bodies that arrive, of BODY_BYTES_MAX at most; nearly all are there before anybody looks."""

READ_SECONDS: Final = 10.0
RETRY_AFTER_SECONDS: Final = range(1, 5)
"""Spread, so that those who were turned away do not come back together."""

_UNLIMITED: Final = ("/health/", "/metrics")
_CLAIMS: Final = "/claims/"
_PLACE: Final = "maillage.place"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


class Places:
    """Places of one kind."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self.refused = 0

    def take(self) -> bool:
        """Take a place if one is free."""
        if self.taken >= self.most:
            self.refused += 1
            return False
        self.taken += 1
        return True

    def leave(self) -> None:
        """Give a place back."""
        self.taken -= 1


class Gate:
    """What a process admits, and what it answered: plain numbers that metrics read."""

    def __init__(self, requests_max: int) -> None:
        self.places = {
            "requests": Places(requests_max),
            "claims": Places(CLAIMS_MAX),
            "waiting": Places(WAITING_MAX),
            "reading": Places(READING_MAX),
        }
        self.answered: Counter[tuple[str, str, int]] = Counter()
        """Answers by method, route template and status."""


class _Place:
    """Where one request counts."""

    def __init__(self, gate: Gate, kind: str) -> None:
        self._gate = gate
        self.kind = kind

    def move(self, kind: str) -> bool:
        """Count it there instead, if there is room."""
        if not self._gate.places[kind].take():
            return False
        self._gate.places[self.kind].leave()
        self.kind = kind
        return True


def step_aside(request: Request) -> None:
    """Give the request's place back while it waits for something to happen (a FastAPI dependency of long polls)."""
    place: _Place | None = request.scope.get(_PLACE)
    if place is not None and not place.move("waiting"):
        raise _refusal()


class Admission:
    """ASGI middleware: the outermost, so that turning away costs next to nothing."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        counted = self._counting(scope, send)
        if scope["path"].startswith(_UNLIMITED):
            await self._app(scope, receive, counted)
            return
        try:
            received = await self._read(scope, receive)
        except Problem as problem:
            await problem.response(preferred_language(Request(scope)))(scope, receive, counted)
            return
        kind = "claims" if scope["path"].startswith(_CLAIMS) else "requests"
        places = self._gate.places
        if not places[kind].take():
            await _refusal().response(preferred_language(Request(scope)))(scope, received, counted)
            return
        scope[_PLACE] = place = _Place(self._gate, kind)
        try:
            await self._app(scope, received, counted)
        finally:
            places[place.kind].leave()

    async def _read(self, scope: Scope, receive: Receive) -> Receive:
        """Return a `receive` that has the body already; one too large is left to whoever refuses it."""
        if not any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]):
            return receive
        reading = self._gate.places["reading"]
        if not reading.take():
            raise _refusal()
        messages: list[Message] = []
        size = 0
        try:
            async with asyncio.timeout(READ_SECONDS):
                while size <= BODY_BYTES_MAX:
                    message = await receive()
                    messages.append(message)
                    size += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise too_slow() from None
        finally:
            reading.leave()
        messages.reverse()

        async def received() -> Message:
            return messages.pop() if messages else await receive()

        return received

    def _counting(self, scope: Scope, send: Send) -> Send:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Routing leaves the route in the scope; what matched none, or was turned away, has none.
                template = getattr(scope.get("route"), "path", None)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._gate.answered[method, template if isinstance(template, str) else "", message["status"]] += 1
            await send(message)

        return counted


def _refusal() -> Problem:
    return overloaded(random.choice(RETRY_AFTER_SECONDS))
