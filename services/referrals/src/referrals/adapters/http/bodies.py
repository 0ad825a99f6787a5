"""The bodies this service accepts. Unknown fields are refused; no message repeats a value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from typing import Annotated, Any, Final

from data_inclusion.schema.v1 import Thematique  # type: ignore[import-untyped]  # ships no py.typed
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StringConstraints

from chassis.sentences import FieldRefused
from referrals.domain.decline import Decline, DeclinedBy, DeclineReason
from referrals.domain.person import Person, Told

NAME_CHARACTERS_MAX = 100
ADDRESS_CHARACTERS_MAX = 300
NOTE_CHARACTERS_MAX = 2000
EMAIL_CHARACTERS_MAX = 254
"""RFC 5321's limit on a path."""
PHONE_CHARACTERS_MAX = 30
THEMES_MAX = 5
"""More would say nothing about what comes first."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_PHONE: Final = re.compile(r"(?:\+|00)?[0-9]{6,15}")
_PHONE_PUNCTUATION: Final = str.maketrans("", "", " .-()\u00a0\u202f")


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise FieldRefused("Ce texte doit tenir sur une ligne, sans caractère spécial.", "One line of plain text.")
    return text


def several_lines(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text if character not in "\n\r\t"):
        raise FieldRefused("Ce texte contient des caractères illisibles.", "This text has unreadable characters.")
    return text


def _name(text: str) -> str:
    if not any(character.isalpha() for character in text):
        raise FieldRefused("Ce champ doit contenir au moins une lettre.", "At least one letter is needed.")
    # It is written into messages to the person, where an address would become a link.
    if any(sign in text for sign in "/:@"):
        raise FieldRefused("Un nom s’écrit sans / : ou @.", "A name is written without / : or @.")
    return text


def iso_date(value: object) -> date:
    # Pydantic alone would also take a number of seconds, or a date with a time of day.
    if isinstance(value, str) and _DATE.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise FieldRefused("Une date est attendue, par exemple 1987-04-09.", "A date is expected, such as 1987-04-09.")


def _phone(text: str) -> str:
    if not _PHONE.fullmatch(text.translate(_PHONE_PUNCTUATION)):
        raise FieldRefused("Ce numéro de téléphone n’en est pas un.", "This is not a telephone number.")
    return text


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise FieldRefused("Cette adresse électronique n’en est pas une.", "This is not an e-mail address.")
    return text


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _said_yes(value: bool) -> bool:
    if not value:
        raise FieldRefused(
            "La personne doit être informée avant que vous l’orientiez.",
            "The person must be informed before you refer them.",
        )
    return value


def _once_each(themes: list[Thematique]) -> list[Thematique]:
    if len(set(themes)) != len(themes):
        raise FieldRefused("Chaque besoin ne se choisit qu’une fois.", "Choose each need once.")
    return themes


def _reasons_once_each(reasons: list[DeclineReason]) -> list[DeclineReason]:
    if len(set(reasons)) != len(reasons):
        raise FieldRefused("Chaque motif ne se choisit qu’une fois.", "Choose each reason once.")
    return reasons


def limited(maximum: int, minimum: int = 1) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=minimum, max_length=maximum)


Name = Annotated[str, limited(NAME_CHARACTERS_MAX), AfterValidator(_one_line), AfterValidator(_name)]
Phone = Annotated[str, limited(PHONE_CHARACTERS_MAX), AfterValidator(_one_line), AfterValidator(_phone)]
Email = Annotated[str, limited(EMAIL_CHARACTERS_MAX), AfterValidator(_one_line), AfterValidator(_email)]
Address = Annotated[str, limited(ADDRESS_CHARACTERS_MAX), AfterValidator(several_lines)]
Note = Annotated[str, limited(NOTE_CHARACTERS_MAX), AfterValidator(several_lines)]
OrBlank = BeforeValidator(_blank_is_none)


class Body(BaseModel):
    """What every body has in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # A body holds what was typed about somebody: never printed.
        return ()


class PersonBody(Body):
    """Who the person is, as the association types it."""

    first_name: Name
    last_name: Name
    birth_date: Annotated[date, BeforeValidator(iso_date)]
    phone: Annotated[Phone | None, OrBlank] = None
    email: Annotated[Email | None, OrBlank] = None
    address: Annotated[Address | None, OrBlank] = None

    def person(self) -> Person:
        return Person(self.first_name, self.last_name, self.birth_date, self.phone, self.email, self.address)


class SubmissionBody(Body):
    """A referral to submit."""

    commune: Annotated[str, StringConstraints(min_length=1, max_length=10)]
    person: PersonBody
    themes: Annotated[list[Thematique], Field(min_length=1, max_length=THEMES_MAX), AfterValidator(_once_each)]
    note: Annotated[Note | None, OrBlank] = None
    person_informed: Annotated[StrictBool, AfterValidator(_said_yes)]

    def told(self) -> Told:
        return Told(self.person.person(), self.note)


class MoveBody(Body):
    """Where the person lives now."""

    commune: Annotated[str, StringConstraints(min_length=1, max_length=10)]


class EmptyBody(Body):
    """A command without details: no body, or an empty object."""


class DeclineBody(Body):
    """Why the referral is declined."""

    reasons: Annotated[
        list[DeclineReason], Field(min_length=1, max_length=len(DeclineReason)), AfterValidator(_reasons_once_each)
    ]
    declined_by: DeclinedBy
    shareable_with_person: StrictBool

    def decline(self) -> Decline:
        return Decline(tuple(self.reasons), self.declined_by, self.shareable_with_person)
