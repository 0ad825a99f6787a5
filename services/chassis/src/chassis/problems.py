"""Answer every refused or failed request with an RFC 9457 problem document.

Nothing a caller sent is repeated: a field is named, its value is not, and a pydantic, asyncpg or framework message
never leaves the process. Sentences are French unless `Accept-Language` prefers English. What nobody foresaw is a 500
that carries the trace id, and one log line with the exception's type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import asyncpg
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from opentelemetry import trace
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.errors import DependencyDown, Transient
from chassis.sentences import GENERIC, HTTP_TITLES, Said, field_sentence, preferred_language

BODY_BYTES_MAX = 262_144
"""Above every legitimate body, far below Kafka's 1 MiB record: what is accepted can always be relayed."""

RETRY_AFTER_SECONDS = 2
ERRORS_MAX = 20
"""Field errors in one document; a body made of thousands of faults must not produce a larger answer."""

_NAMEABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}\Z")
_SOURCES: Final = frozenset({"body", "query", "path", "header", "cookie"})
_BUSY: Final = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError, asyncpg.TransactionRollbackError)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused field: `field` is a dotted path such as `person.birth_date`; `message` never repeats its value."""

    field: str
    message: str | Said


class Problem(Exception):
    """The request is refused for a reason the caller can act on; `code` is the stable part of it."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str | Said,
        detail: str | Said | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def document(self, language: str) -> dict[str, Any]:
        """Return the members of the problem document in `language` ("fr" or "en")."""

        def say(text: str | Said) -> str:
            return text.in_language(language) if isinstance(text, Said) else text

        return {
            "type": f"urn:maillage:problem:{self.code}",
            "title": say(self.title),
            "status": self.status,
            "detail": None if self.detail is None else say(self.detail),
            "code": self.code,
            "errors": [{"field": error.field, "message": say(error.message)} for error in self.errors],
        }

    def response(self, language: str = "fr") -> JSONResponse:
        """Return the HTTP response that carries this problem."""
        headers = {"cache-control": "no-store", "content-language": language, **self.headers}
        return JSONResponse(
            self.document(language), self.status, headers=headers, media_type="application/problem+json"
        )


def not_json() -> Problem:
    """Return the problem for a body that cannot be read as JSON."""
    return Problem(
        400, "not_json", Said("Le corps de la requête n’est pas du JSON.", "The body of the request is not JSON.")
    )


def body_too_large(max_bytes: int) -> Problem:
    """Return the problem for a body above `max_bytes`; the connection is closed, since the rest is not read."""
    return Problem(
        413,
        "body_too_large",
        Said("La requête est trop volumineuse.", "The request is too large."),
        Said(f"La limite est de {max_bytes} octets.", f"The limit is {max_bytes} bytes."),
        headers={"connection": "close"},
    )


def unavailable() -> Problem:
    """Return the problem for a request that will succeed later, unchanged."""
    return Problem(
        503,
        "temporarily_unavailable",
        Said("Le service est momentanément indisponible.", "The service is temporarily unavailable."),
        Said(
            "Rien n’a été perdu. Renvoyez la même requête, avec la même clé d’idempotence.",
            "Nothing was lost. Send the same request again, with the same idempotency key.",
        ),
        headers={"retry-after": str(RETRY_AFTER_SECONDS)},
    )


def validation_failed(faults: Sequence[Any]) -> Problem:
    """Translate pydantic's error list: one plain sentence a field, and never the input."""
    if any(fault["type"] == "json_invalid" for fault in faults):
        return not_json()
    errors = tuple(FieldError(_field(fault["loc"]), field_sentence(fault)) for fault in faults[:ERRORS_MAX])
    return Problem(
        422,
        "validation_failed",
        Said("Certains champs sont à corriger.", "Some fields need correcting."),
        errors=errors,
    )


def _field(location: Sequence[int | str]) -> str:
    """Write a pydantic location as `person.birth_date` or `themes[0]`; a caller's own odd key is left unnamed."""
    parts = list(location)
    if parts and parts[0] in _SOURCES:
        parts.pop(0)
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _NAMEABLE.match(part):
            path += f".{part}" if path else part
    return path


def incident() -> Problem:
    """Return the 500 whose id finds the trace, and nothing else."""
    span = trace.get_current_span().get_span_context()
    incident_id = f"{span.trace_id:032x}" if span.is_valid else uuid4().hex
    problem = Problem(
        500,
        "internal_error",
        GENERIC,
        Said(
            f"Incident {incident_id}. Indiquez ce numéro à l’équipe qui exploite Maillage.",
            f"Incident {incident_id}. Give this number to the team that operates Maillage.",
        ),
    )
    problem.headers["maillage-incident"] = incident_id
    return problem


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
                raise _TooLarge(413)
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except _TooLarge:
            if started:
                raise HalfAnswered from None
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        language = preferred_language(Request(scope))
        await body_too_large(self._max_bytes).response(language)(scope, receive, send)


class _TooLarge(HTTPException):
    """FastAPI re-raises an HTTPException met while reading a body, and calls every other one bad JSON."""


def install(app: FastAPI) -> None:
    """Make `app` answer problem documents. Call before adding middleware that must see the final status."""
    app.add_middleware(LastResort)
    for kind in (Problem, RequestValidationError, ValidationError, HTTPException, DependencyDown, Transient, *_BUSY):
        app.add_exception_handler(kind, _on_foreseen)


async def _on_foreseen(request: Request, error: Exception) -> JSONResponse:
    return _problem_of(error).response(preferred_language(request))


def _problem_of(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return validation_failed(error.errors())
        case ValidationError():
            return validation_failed(error.errors(include_url=False, include_input=False))
        case HTTPException():
            return _of_http(error)
        case DependencyDown() | Transient():
            return unavailable()
        case _ if isinstance(error, _BUSY):
            return unavailable()
    return incident()


def _of_http(error: HTTPException) -> Problem:
    if isinstance(error, _TooLarge):
        return body_too_large(BODY_BYTES_MAX)
    # FastAPI says only 400 when bytes are not UTF-8, nest too deep or hold an absurd number.
    if error.status_code == 400 and error.detail == "There was an error parsing the body":
        return not_json()
    code, title = HTTP_TITLES.get(error.status_code, (f"http_{error.status_code}", GENERIC))
    return Problem(error.status_code, code, title, headers=error.headers)
