"""A referral being written: what was typed, exactly as typed, and what is still wrong with it.

Typed values are kept whether or not they are right, so that reload, back, a second tab or another day lose
nothing. Faults are computed from them, never stored. The same draft always gives the same idempotency key until
the service has definitely refused it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID, uuid5

from portal.domain.needs import NEEDS, NEEDS_MAX

STEPS = ("person", "place", "needs", "note")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "person": ("first_name", "last_name", "birth_day", "birth_month", "birth_year", "phone", "email"),
    "place": ("commune", "commune_code", "commune_asked", "address"),
    "needs": ("themes",),
    "note": ("note", "person_informed"),
}
MULTIPLE = frozenset({"themes"})

NAME_CHARS_MAX = 100
NOTE_CHARS_MAX = 2000
ADDRESS_CHARS_MAX = 300
EMAIL_CHARS_MAX = 254
"""RFC 5321's limit on a path."""

TYPED_CHARS_MAX = 4000
"""What is kept of one field, twice the longest accepted text: beyond it nothing useful could be mended by hand."""

OLDEST_BIRTH_YEAR = 1900

PHONE = re.compile(r"^(?:\+|00)?[0-9]{6,15}$")
EMAIL = re.compile(r"^[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+$")

Typed = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend: the field, and the id of the sentence that says how."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What one member has typed so far; `referral_id` once it was sent, when everything typed is gone."""

    draft_id: UUID
    member_id: UUID
    typed: Typed = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    attempt: int = 0
    referral_id: UUID | None = None

    def value(self, name: str) -> str:
        values = self.typed.get(name, ())
        return values[0] if values else ""

    def values(self, name: str) -> tuple[str, ...]:
        return self.typed.get(name, ())

    @property
    def idempotency_key(self) -> UUID:
        """The key of the next sending: the same until the service has refused it for good."""
        return uuid5(self.draft_id, f"attempt {self.attempt}")

    def keep(self, step: str, typed: Typed) -> Draft:
        """Return the draft with the answers of one step replaced by `typed`, right or wrong."""
        kept = {name: values for name, values in self.typed.items() if name not in FIELDS[step]}
        for name in FIELDS[step]:
            values = tuple(value[:TYPED_CHARS_MAX] for value in typed.get(name, ()) if value)
            if values:
                kept[name] = values if name in MULTIPLE else values[:1]
        return replace(self, typed=kept, seen=self.seen | {step})

    def with_values(self, **values: str) -> Draft:
        """Return the draft with single fields set, as found out by us rather than typed."""
        return replace(self, typed={**self.typed, **{name: (value,) for name, value in values.items()}})

    def refused(self) -> Draft:
        """Return the draft after a definite refusal: what is sent next is another request."""
        return replace(self, attempt=self.attempt + 1)

    def sent(self, referral_id: UUID) -> Draft:
        """Return the draft once sent: it remembers which referral it became and forgets everything typed."""
        return replace(self, typed={}, referral_id=referral_id)


def clean(text: str) -> str:
    """Return text without surrounding blanks, control characters and doubled blanks within a line."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").split("\n")
    kept = ("".join(char for char in line if unicodedata.category(char)[0] != "C") for line in lines)
    return "\n".join(re.sub(r"[ \t\u00a0]+", " ", line).strip() for line in kept).strip()


def phone_digits(text: str) -> str:
    """Return a telephone number without the blanks, dots and dashes people write between digits."""
    return re.sub(r"[\s.\-()/\u00a0\u202f]", "", text)


def birth_date(draft: Draft) -> date | None:
    """Return the birth date typed in three fields, or None when they do not make a date."""
    parts = [draft.value(name).strip() for name in ("birth_year", "birth_month", "birth_day")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
        return None
    try:
        return date(*(int(part) for part in parts))
    except ValueError:
        return None


def faults(draft: Draft, step: str, today: date) -> tuple[Fault, ...]:
    """Return what is still wrong in one step, in the order of the page."""
    match step:
        case "person":
            return tuple(_person_faults(draft, today))
        case "place":
            return tuple(_place_faults(draft))
        case "needs":
            return tuple(_needs_faults(draft))
        case _:
            return tuple(_note_faults(draft))


def first_unfinished(draft: Draft, today: date) -> str | None:
    """Return the first step that has something to mend, or None when the draft can be sent."""
    return next((step for step in STEPS if faults(draft, step, today)), None)


def _person_faults(draft: Draft, today: date) -> Iterable[Fault]:
    for name in ("first_name", "last_name"):
        text = clean(draft.value(name))
        if not text:
            yield Fault(name, f"fault.{name}.missing")
        elif len(text) > NAME_CHARS_MAX:
            yield Fault(name, "fault.name.long")
    yield from _birth_faults(draft, today)
    phone, email = phone_digits(draft.value("phone")), draft.value("email").strip()
    if phone and not PHONE.match(phone):
        yield Fault("phone", "fault.phone")
    if email and (len(email) > EMAIL_CHARS_MAX or not EMAIL.match(email)):
        yield Fault("email", "fault.email")


def _birth_faults(draft: Draft, today: date) -> Iterable[Fault]:
    if not any(draft.value(name).strip() for name in ("birth_day", "birth_month", "birth_year")):
        yield Fault("birth_day", "fault.birth.missing")
        return
    born = birth_date(draft)
    if born is None:
        yield Fault("birth_day", "fault.birth.unreal")
    elif born > today:
        yield Fault("birth_day", "fault.birth.future")
    elif born.year < OLDEST_BIRTH_YEAR:
        yield Fault("birth_day", "fault.birth.old")


def _place_faults(draft: Draft) -> Iterable[Fault]:
    if not clean(draft.value("commune")):
        yield Fault("commune", "fault.commune.missing")
    elif not draft.value("commune_code"):
        yield Fault("commune", "fault.commune.unresolved")
    if len(clean(draft.value("address"))) > ADDRESS_CHARS_MAX:
        yield Fault("address", "fault.address.long")


def _needs_faults(draft: Draft) -> Iterable[Fault]:
    chosen = [theme for theme in draft.values("themes") if theme in NEEDS]
    if not chosen:
        yield Fault("themes", "fault.needs.missing")
    elif len(chosen) > NEEDS_MAX:
        yield Fault("themes", "fault.needs.many")


def _note_faults(draft: Draft) -> Iterable[Fault]:
    if len(clean(draft.value("note"))) > NOTE_CHARS_MAX:
        yield Fault("note", "fault.note.long")
    if draft.value("person_informed") != "yes":
        yield Fault("person_informed", "fault.informed")


REFUSED: Mapping[str, Fault] = {
    "person.first_name": Fault("first_name", "change.first_name"),
    "person.last_name": Fault("last_name", "change.last_name"),
    "person.birth_date": Fault("birth_day", "change.birth"),
    "person.phone": Fault("phone", "change.phone"),
    "person.email": Fault("email", "change.email"),
    "person.address": Fault("address", "change.address"),
    "commune": Fault("commune", "change.commune"),
    "themes": Fault("themes", "change.needs"),
    "note": Fault("note", "change.note"),
    "person_informed": Fault("person_informed", "change.informed"),
}
"""By the name that the service gives an answer: the field where it was typed, and what changing it is called."""


def answers_refused(fields: Iterable[str]) -> tuple[Fault, ...]:
    """Return the answers that the service named as at fault, each once; what no page asks for is passed."""
    named = (REFUSED.get(name.split("[")[0]) for name in fields)
    return tuple(dict.fromkeys(fault for fault in named if fault))


def submission(draft: Draft) -> dict[str, object]:
    """Return the body of `POST /referrals` for a draft without faults."""
    born = birth_date(draft)
    return {
        "commune": draft.value("commune_code"),
        "person": {
            "first_name": clean(draft.value("first_name")),
            "last_name": clean(draft.value("last_name")),
            "birth_date": born.isoformat() if born else None,
            "phone": phone_digits(draft.value("phone")) or None,
            "email": draft.value("email").strip() or None,
            "address": clean(draft.value("address")) or None,
        },
        "themes": sorted(theme for theme in draft.values("themes") if theme in NEEDS),
        "note": clean(draft.value("note")) or None,
        "person_informed": draft.value("person_informed") == "yes",
    }
