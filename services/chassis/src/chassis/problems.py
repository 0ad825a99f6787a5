"""Answer every refused or failed request with an RFC 9457 problem document.

Nothing a caller sent is repeated: a field is named, its value is not, and a pydantic, asyncpg or framework message
never leaves the process. Sentences are French unless `Accept-Language` prefers English. What nobody foresaw is a 500
that carries the trace id, and one log line with the exception's type.
"""

from __future__ import annotations

from typing import Final

import asyncpg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from chassis.errors import DependencyDown, Transient
from chassis.guards import BodyLimit, LastResort, TooLarge
from chassis.outbox import MAX_RECORD_BYTES, RecordTooLarge
from chassis.problem import (
    FieldError,
    Problem,
    body_too_large,
    event_too_large,
    incident,
    not_json,
    unavailable,
    validation_failed,
)
from chassis.sentences import GENERIC, HTTP_TITLES, FieldRefused, Said, preferred_language

__all__ = ["BodyLimit", "FieldError", "FieldRefused", "Problem", "Said", "install"]

_BUSY: Final = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError, asyncpg.TransactionRollbackError)


def install(app: FastAPI) -> None:
    """Make `app` answer problem documents. Call before adding middleware that must see the final status."""
    app.add_middleware(LastResort)
    for kind in (Problem, RequestValidationError, HTTPException, DependencyDown, Transient, RecordTooLarge, *_BUSY):
        app.add_exception_handler(kind, _on_foreseen)


async def _on_foreseen(request: Request, error: Exception) -> JSONResponse:
    return _problem_of(error).response(preferred_language(request))


def _problem_of(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return validation_failed(error.errors())
        case HTTPException():
            return _of_http(error)
        case DependencyDown() | Transient():
            return unavailable()
        case RecordTooLarge():
            return event_too_large(MAX_RECORD_BYTES)
        case _ if isinstance(error, _BUSY):
            return unavailable()
    return incident()


def _of_http(error: HTTPException) -> Problem:
    if isinstance(error, TooLarge):
        return body_too_large(error.max_bytes)
    # FastAPI says only 400 when bytes are not UTF-8, nest too deep or hold an absurd number.
    if error.status_code == 400 and error.detail == "There was an error parsing the body":
        return not_json()
    code, title = HTTP_TITLES.get(error.status_code, (f"http_{error.status_code}", GENERIC))
    return Problem(error.status_code, code, title, headers=error.headers)
