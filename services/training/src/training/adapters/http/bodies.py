"""The bodies this service accepts. Unknown fields are refused; no message repeats a value."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from data_inclusion.schema.v1 import Thematique  # type: ignore[import-untyped]  # ships no py.typed
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StringConstraints

from chassis.sentences import FieldRefused
from training.domain.session import CancelReason, Programme
from training.domain.status import Command

TITLE_CHARACTERS_MAX = 120
PLACE_CHARACTERS_MAX = 200
SEATS_MAX = 1000
HOURS_MAX = 2000
"""The contract's limits: more would be a slip of the keyboard."""

_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(?:Z|[+-][0-9]{2}:[0-9]{2})")


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise FieldRefused("Ce texte doit tenir sur une ligne, sans caractère spécial.", "One line of plain text.")
    return text


def _instant(value: object) -> datetime:
    # Pydantic alone would also take a number of seconds, or a local time that is nobody's.
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        with suppress(ValueError, OverflowError):
            return datetime.fromisoformat(value).astimezone(UTC)
    raise FieldRefused(
        "Une date et une heure sont attendues, par exemple 2026-03-02T09:30:00Z.",
        "A date and time are expected, such as 2026-03-02T09:30:00Z.",
    )


def _line(maximum: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=maximum)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class EmptyBody(_Body):
    """A command without details: no body, or an empty object."""


class SessionBody(_Body):
    """A session to open."""

    title: Annotated[str, _line(TITLE_CHARACTERS_MAX), AfterValidator(_one_line)]
    theme: Thematique
    commune: Annotated[str, StringConstraints(min_length=1, max_length=10)]
    seats: Annotated[StrictInt, Field(ge=0, le=SEATS_MAX)]
    hours: Annotated[StrictInt, Field(ge=1, le=HOURS_MAX)]
    starts_at: Annotated[datetime, BeforeValidator(_instant)]
    place: Annotated[str, _line(PLACE_CHARACTERS_MAX), AfterValidator(_one_line)]

    def programme(self) -> Programme:
        return Programme(
            title=self.title,
            theme=self.theme.value,
            commune=self.commune,
            seats=self.seats,
            hours=self.hours,
            starts_at=self.starts_at,
            place=self.place,
        )


class CancellationBody(_Body):
    """Why a session does not take place."""

    reason: CancelReason


class EnrolmentBody(_Body):
    """A seat to ask for."""

    session_id: UUID
    accompaniment_id: UUID
    action_id: UUID


class RefusalBody(_Body):
    """Who said no to the seat."""

    refused_by: Literal["person", "third_party"]

    def command(self) -> Command:
        return Command.REFUSAL_BY_PERSON if self.refused_by == "person" else Command.REFUSAL_BY_THIRD_PARTY


class EarlyEndBody(_Body):
    """How the attendance ended, or did not begin."""

    how: Literal["dropped_out", "no_show"]

    def command(self) -> Command:
        return Command.DROP_OUT if self.how == "dropped_out" else Command.ABSENCE
