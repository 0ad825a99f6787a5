"""Referrals as the pages show them, and which act comes first. Unknown statuses are kept and shown, never refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from portal.domain.member import Kind

STATUSES = (
    "submitted", "received", "under_review", "overdue", "accepted", "declined", "withdrawn", "expired",
)  # fmt: skip
OPEN_STATUSES = ("overdue", "submitted", "received", "under_review")
"""Those that wait for the council, the most pressing first."""

COMMANDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.ASSOCIATION: ("withdrawal",),
    Kind.COUNCIL: ("receipt", "review", "acceptance", "decline"),
    Kind.EMPLOYMENT_SERVICE: (),
}
"""What each side may be offered; the service's own `allowed` list decides what it is offered now."""

DECLINE_REASONS = (
    "unreachable", "did_not_attend", "in_employment", "in_training", "not_eligible", "not_mobile", "not_interested",
    "peripheral_barriers", "session_full", "duplicate", "out_of_area", "missing_documents", "other",
)  # fmt: skip
"""The codes this version has words for; a code the service adds is shown with the words for `other`."""


@dataclass(frozen=True, slots=True)
class Place:
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation as the other one sees it."""

    code: str
    name: str
    phone: str = ""
    postal_address: str = ""
    organisation_id: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a history; `starts_at` where the step is about a date to come."""

    at: datetime
    status: str
    by: str
    organisation_name: str = ""
    reasons: tuple[str, ...] = ()
    declined_by: str = ""
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    first_name: str
    last_name: str
    birth_date: date | None
    phone: str = ""
    email: str = ""
    address: str = ""

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class ReferralLine:
    """A row of the list."""

    referral_id: UUID
    status: str
    version: int
    commune: Place
    themes: tuple[str, ...]
    submitted_at: datetime
    changed_at: datetime
    council: Party
    referrer: Party
    person_name: str


@dataclass(frozen=True, slots=True)
class Together:
    """The latest joint accompaniment that a referral led to."""

    accompaniment_id: UUID
    status: str
    employment_service: Party


@dataclass(frozen=True, slots=True)
class Referral:
    """One referral in full, as only its two parties see it."""

    line: ReferralLine
    person: Person | None
    note: str
    history: tuple[Step, ...]
    allowed: tuple[str, ...]
    together: Together | None = None


@dataclass(frozen=True, slots=True)
class ReferralPage:
    """Part of the list, and how many referrals there are of each status in all."""

    lines: tuple[ReferralLine, ...]
    cursor: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FirstThing:
    """The one thing to do: answer `count` referrals in `status`; zero means nothing waits."""

    status: str
    count: int
    waiting: int


def first_thing(counts: Mapping[str, int]) -> FirstThing:
    """Return the most pressing group of open referrals, and how many are open in all."""
    waiting = sum(counts.get(status, 0) for status in OPEN_STATUSES)
    for status in OPEN_STATUSES:
        if counts.get(status, 0):
            return FirstThing(status, counts[status], waiting)
    return FirstThing("", 0, 0)


def offered(referral: Referral, kind: Kind) -> tuple[str, ...]:
    """Return the acts to offer, in the order of the work."""
    return tuple(command for command in COMMANDS[kind] if command in referral.allowed)


MOVE = "move"
"""Saying where the person lives now: no answer, and on a page of its own."""


def can_move(referral: Referral, kind: Kind) -> bool:
    """Tell whether the association may say that the person lives elsewhere: while the service allows it."""
    return kind is Kind.ASSOCIATION and MOVE in referral.allowed


def can_propose(referral: Referral, kind: Kind) -> bool:
    """Tell whether a joint accompaniment is the next act: the council accepted, and none is open."""
    closed = referral.together is None or referral.together.status in ("refused", "ended")
    return kind is Kind.COUNCIL and referral.line.status == "accepted" and closed


SORTS = ("date", "commune", "status", "person")


def sort_lines(lines: Sequence[ReferralLine], by: str, *, descending: bool) -> list[ReferralLine]:
    """Sort stably; an unknown criterion sorts by date. Statuses sort by urgency, not by alphabet."""
    urgency = {status: n for n, status in enumerate((*OPEN_STATUSES, "accepted", "declined", "withdrawn", "expired"))}
    newest_first = sorted(lines, key=lambda line: line.submitted_at, reverse=True)
    match by:
        case "commune":
            return sorted(newest_first, key=lambda line: fold(line.commune.name), reverse=descending)
        case "status":
            return sorted(newest_first, key=lambda line: urgency.get(line.status, len(urgency)), reverse=descending)
        case "person":
            return sorted(newest_first, key=lambda line: fold(line.person_name), reverse=descending)
        case _:
            return newest_first if descending else newest_first[::-1]


def fold(text: str) -> str:
    """Return `text` as French sorting compares it: without accents and case."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
