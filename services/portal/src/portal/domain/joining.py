"""An organisation that asks to join: what was typed, what is still to mend, and how its request goes on.

Nothing is kept here: the form carries everything typed until it is sent, and the partners service has it from then on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from portal.domain.draft import EMAIL, EMAIL_CHARS_MAX, Fault, clean
from portal.domain.member import PARTNERS

FIELDS = (
    "name", "legal_number", "kind", "territory", "contact_email", "email", "phone", "postal_address", "language",
    "usage",
)  # fmt: skip
TYPED_CHARS_MAX = 20_000
NAME_CHARS_MAX, PHONE_CHARS_MAX, POSTAL_CHARS_MAX = 200, 40, 500
PHONE = re.compile(r"^[0-9 +().-]{6,40}$")
LANGUAGES = ("fr", "en")
USAGES = ("sandbox", "real")
SIREN_DIGITS, SIRET_DIGITS = 9, 14
LA_POSTE = "356000000"
"""Its establishments are numbered by another rule: the fourteen digits add up to a multiple of five."""

RNA = re.compile(r"^W[0-9A-Z]{9}$", re.IGNORECASE)
"""A number of the register of associations, which many know better than their SIREN."""

PLACES_MAX = 500
"""More than any organisation writes by hand; a whole département is one line."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a territory: `field` is the list it belongs to."""

    field: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class PlaceTrouble:
    """A line of the territory that names no place, or more than one; `near` are official names to write instead."""

    typed: str
    reason: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TerritoryRead:
    """What a typed territory means."""

    places: tuple[Place, ...] = ()
    troubles: tuple[PlaceTrouble, ...] = ()

    def codes(self) -> dict[str, list[str]]:
        """Return the four lists of codes that the partners service takes."""
        lists: dict[str, list[str]] = {"communes": [], "epcis": [], "departements": [], "collectivities": []}
        for place in self.places:
            lists[place.field].append(place.code)
        return lists


def lines_of(text: str) -> list[str]:
    """Return the places as people list them: by line, comma or semicolon, each once."""
    parts = (clean(part) for part in re.split(r"[\n,;]", text))
    return list(dict.fromkeys(part for part in parts if part))


@dataclass(frozen=True, slots=True)
class Asked:
    """The form as it was typed."""

    typed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, tuple[str, ...]]) -> Asked:
        return cls({name: next(iter(fields.get(name, ())), "")[:TYPED_CHARS_MAX] for name in FIELDS})

    def value(self, name: str) -> str:
        return self.typed.get(name, "")


def legal_digits(text: str) -> str:
    """Return a SIREN or SIRET without what people write between its digits."""
    return re.sub(r"[\s.\-\u00a0\u202f]", "", text)


def legal_fault(text: str) -> str:
    """Return the id of the sentence that says what to mend in a SIREN or SIRET, or nothing."""
    digits = legal_digits(text)
    if not digits:
        return "fault.legal.missing"
    if RNA.match(digits):
        return "fault.legal.rna"
    if not (digits.isascii() and digits.isdigit()):
        return "fault.legal.signs"
    if len(digits) not in (SIREN_DIGITS, SIRET_DIGITS):
        return "fault.legal.length"
    return "" if _has_its_key(digits) else "fault.legal.key"


def _has_its_key(digits: str) -> bool:
    if not _luhn(digits[:SIREN_DIGITS]):
        return False
    by_sum = digits.startswith(LA_POSTE) and sum(map(int, digits)) % 5 == 0
    return len(digits) == SIREN_DIGITS or by_sum or _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + n % 2) for n, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def faults(asked: Asked, territory: TerritoryRead) -> tuple[Fault, ...]:
    """Return what is still to mend, in the order of the page."""
    return tuple(_faults(asked, territory))


def _faults(asked: Asked, territory: TerritoryRead) -> Iterable[Fault]:
    name, phone, postal = (clean(asked.value(one)) for one in ("name", "phone", "postal_address"))
    if not name or len(name) > NAME_CHARS_MAX or "\n" in name:
        yield Fault("name", "fault.join.name" if not name else "fault.join.name_long")
    if legal := legal_fault(asked.value("legal_number")):
        yield Fault("legal_number", legal)
    if asked.value("kind") not in PARTNERS:
        yield Fault("kind", "fault.join.kind")
    yield from _territory_faults(territory)
    email = asked.value("contact_email").strip()
    if len(email) > EMAIL_CHARS_MAX or not EMAIL.match(email):
        yield Fault("contact_email", "fault.join.email" if email else "fault.join.email_missing")
    public = asked.value("email").strip()
    if public and (len(public) > EMAIL_CHARS_MAX or not EMAIL.match(public)):
        yield Fault("email", "fault.join.email")
    if not PHONE.match(phone):
        yield Fault("phone", "fault.join.phone" if phone else "fault.join.phone_missing")
    if not postal or len(postal) > POSTAL_CHARS_MAX:
        yield Fault("postal_address", "fault.join.postal")
    if asked.value("language") not in LANGUAGES:
        yield Fault("language", "fault.join.language")
    if asked.value("usage") not in USAGES:
        yield Fault("usage", "fault.join.usage")


def _territory_faults(territory: TerritoryRead) -> Iterable[Fault]:
    if territory.troubles:
        yield Fault("territory", "fault.join.territory")
    elif not territory.places:
        yield Fault("territory", "fault.join.territory_missing")
    elif len(territory.places) > PLACES_MAX:
        yield Fault("territory", "fault.join.territory_long")


def join_body(asked: Asked, territory: TerritoryRead) -> dict[str, object]:
    """Return the body of `POST /join-requests` for a form without faults."""
    return {
        "name": clean(asked.value("name")),
        "legal_number": legal_digits(asked.value("legal_number")),
        "kind": asked.value("kind"),
        "territory": territory.codes(),
        "phone": clean(asked.value("phone")),
        "postal_address": clean(asked.value("postal_address")),
        "email": asked.value("email").strip() or None,
        "contact_email": asked.value("contact_email").strip(),
        "language": asked.value("language"),
        "sandbox": asked.value("usage") == "sandbox",
    }


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Where an organisation reads its own topic; the password only in the answer that shows it once."""

    bootstrap: str
    topic: str
    username: str
    password: str = ""
    protocol: str = "SASL_SSL"
    certificate_authority: str = ""
    """Of the broker's certificate, in PEM, where no system knows it."""


@dataclass(frozen=True, slots=True)
class ProgramAccess:
    """What a program needs to read an organisation's stream; the secret only in the answer that shows it once."""

    client_id: str
    organisation_code: str
    token_url: str
    feed_url: str
    scopes: tuple[str, ...] = ()
    client_secret: str = ""
    kafka: KafkaAccess | None = None


@dataclass(frozen=True, slots=True)
class TestEvent:
    """A test referral as it stands in the organisation's own stream."""

    __test__ = False

    event_id: str
    type: str
    sequence: str
    referral_id: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class JoinState:
    """Where a request to join stands, as its link shows it."""

    state: str
    name: str
    kind: str
    code: str = ""
    sandbox: bool = False
    refusal_reason: str = ""
    credentials_available: bool = False
    access: ProgramAccess | None = None
    test_events: tuple[TestEvent, ...] = ()
    link_until: datetime | None = None


STATES = ("unconfirmed", "confirmed", "approved", "refused", "expired")


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A request to join, as operators see it."""

    join_request_id: str
    state: str
    name: str
    kind: str
    legal_number: str
    phone: str
    postal_address: str
    sandbox: bool
    language: str
    territory: Mapping[str, tuple[str, ...]]
    asked_at: datetime | None
    confirmed_at: datetime | None = None
    suggested_code: str = ""
    refusal_reason: str = ""
    email: str = ""
    """Public, as the telephone is; empty where the organisation gave none."""
