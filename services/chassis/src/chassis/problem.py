"""One RFC 9457 problem document: what it holds, and those that every service gives.

Nothing a caller sent is repeated: a field is named, its value is not. Sentences are French unless the caller prefers
English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from opentelemetry import trace
from starlette.responses import JSONResponse

from chassis.sentences import GENERIC, Said, field_sentence

RETRY_AFTER_SECONDS = 2
ERRORS_MAX = 20
"""Field errors in one document; a body made of thousands of faults must not produce a larger answer."""

_NAMEABLE: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}\Z")
_SOURCES: Final = frozenset({"body", "query", "path", "header", "cookie"})


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused field: `field` is a dotted path such as `person.birth_date`; `message` never repeats its value."""

    field: str
    message: str | Said


class Problem(Exception):
    """The request is refused for a reason the caller can act on; `code` is the stable part of it.

    `members` are what the document holds besides (RFC 9457 §3.2), for a program to go on with.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str | Said,
        detail: str | Said | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = dict(members or {})

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
            **self.members,
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


def overloaded(retry_after_seconds: int) -> Problem:
    """Return the problem for a request that was turned away unread, because too many others are in progress."""
    return Problem(
        503,
        "overloaded",
        Said("Trop de demandes arrivent en ce moment.", "Too many requests arrive at the moment."),
        Said(
            "Rien n’a été fait. Renvoyez la même requête dans quelques secondes.",
            "Nothing was done. Send the same request again in a few seconds.",
        ),
        headers={"retry-after": str(retry_after_seconds)},
    )


def too_slow() -> Problem:
    """Return the problem for a body that does not arrive; the connection is closed, since the rest is not read."""
    return Problem(
        408,
        "body_too_slow",
        Said("La requête n’est pas arrivée en entier à temps.", "The request did not arrive in time."),
        headers={"connection": "close"},
    )


def event_too_large(max_bytes: int) -> Problem:
    """Return the problem for a command whose event Kafka would refuse; nothing was stored."""
    return Problem(
        413,
        "event_too_large",
        Said("La demande est trop volumineuse pour être transmise.", "The request is too large to be passed on."),
        Said(
            f"Rien n’a été enregistré. La limite est de {max_bytes} octets.",
            f"Nothing was stored. The limit is {max_bytes} bytes.",
        ),
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
