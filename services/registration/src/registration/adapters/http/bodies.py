"""The bodies this service accepts. Unknown fields are refused, a reason for postponing first of all; no message repeats
a value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StringConstraints

from chassis.sentences import FieldRefused
from registration.domain.appointment import OPTIONS_MAX, Ask, Modality
from registration.domain.appointment_table import Command

PLACE_CHARACTERS_MAX = 200
MINUTES_MIN, MINUTES_MAX = 5, 480
"""The contract's own limits: a working day at most."""


def _instant(value: object) -> datetime:
    # Pydantic alone would also take a number of seconds, or a time without its offset.
    if isinstance(value, str) and len(value) <= len("2026-03-24T13:00:00.000000+00:00"):
        with suppress(ValueError, OverflowError):
            read = datetime.fromisoformat(value)
            if read.tzinfo is not None:
                return read.astimezone(UTC)
    raise FieldRefused(
        "Une date et une heure sont attendues, par exemple 2026-03-24T13:00:00Z.",
        "A date and a time are expected, such as 2026-03-24T13:00:00Z.",
    )


def _readable(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text if character not in "\n\r"):
        raise FieldRefused("Ce texte contient des caractères illisibles.", "This text has unreadable characters.")
    return text


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Instant = Annotated[datetime, BeforeValidator(_instant)]
Options = Annotated[list[Instant], Field(min_length=1, max_length=OPTIONS_MAX)]
Place = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=PLACE_CHARACTERS_MAX),
    AfterValidator(_readable),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # A place is free text: never printed.
        return ()


class ProposalBody(_Body):
    """An appointment to propose."""

    accompaniment_id: UUID
    modality: Modality
    options: Options
    duration_minutes: Annotated[StrictInt, Field(ge=MINUTES_MIN, le=MINUTES_MAX)]
    place: Annotated[Place | None, BeforeValidator(_blank_is_none)] = None


class BookingBody(_Body):
    """The date that is agreed: one of those offered."""

    starts_at: Instant

    def ask(self) -> Ask:
        return Ask(Command.BOOKING, self.starts_at)


class PostponementBody(_Body):
    """Nothing, or the date that was seen, the other one. There is no room for a reason: nobody has to give one."""

    starts_at: Instant | None = None
    instead_of: Instant | None = None


def postponement(body: PostponementBody | None) -> Ask:
    """Return what a postponement asks, with or without a body."""
    body = body or PostponementBody()
    return Ask(Command.POSTPONEMENT, body.starts_at, instead_of=body.instead_of)


class CancellationBody(_Body):
    """Nothing, or the date that was seen."""

    instead_of: Instant | None = None


def cancellation(body: CancellationBody | None) -> Ask:
    """Return what a cancellation asks, with or without a body."""
    return Ask(Command.CANCELLATION, instead_of=None if body is None else body.instead_of)


class OptionsBody(_Body):
    """Other dates."""

    options: Options

    def ask(self) -> Ask:
        return Ask(Command.OPTIONS, options=tuple(self.options))


class EmptyBody(_Body):
    """A command without details: no body, or an empty object."""
