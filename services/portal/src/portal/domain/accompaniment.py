"""Joint accompaniments as the two organisations see them. Unknown codes are kept and shown, never refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from portal.domain.referral import Party, Person, Place, Step, fold

STATUSES = ("proposed", "accepted_by_one", "active", "review_due", "refused", "ended")
OPEN_STATUSES = ("proposed", "accepted_by_one")
RUNNING_STATUSES = ("active", "review_due")

ACTS = ("acceptance", "refusal", "review", "end")
"""Acts of one click; `plan` and `note` have forms of their own."""

END_REASONS = ("employment", "moved", "person_request", "tier_change", "partner_withdrew")
ASSIGNEES = ("person", "council", "employment_service")
ACTION_STATES = ("planned", "done", "dropped")
KINDS = ("step", "training")


@dataclass(frozen=True, slots=True)
class AccompanimentLine:
    """A row of the list."""

    accompaniment_id: UUID
    referral_id: UUID
    status: str
    version: int
    commune: Place
    council: Party
    employment_service: Party
    person_name: str
    proposed_at: datetime
    changed_at: datetime
    waiting_for_me: bool = False


@dataclass(frozen=True, slots=True)
class AccompanimentPage:
    """Part of the list."""

    lines: tuple[AccompanimentLine, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Goal:
    goal_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Seat:
    """Where the request for a seat in a training session stands."""

    status: str
    starts_at: datetime | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    action_id: str
    kind: str
    theme: str
    text: str
    assigned_to: str
    due_on: date | None
    state: str
    session_id: str = ""
    seat: Seat | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The shared plan; `version` is what a change is based on."""

    version: int
    goals: tuple[Goal, ...]
    actions: tuple[Action, ...]
    changed_at: datetime | None = None
    changed_by: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """The private text of one side, which the other never receives."""

    text: str
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Meeting:
    """An appointment of the accompaniment, in a line."""

    appointment_id: UUID
    status: str
    starts_at: datetime | None
    modality: str


def in_order(meetings: Iterable[Meeting]) -> tuple[Meeting, ...]:
    """Return appointments as one reads them: without a date first, then by date."""
    return tuple(sorted(meetings, key=lambda one: one.starts_at.timestamp() if one.starts_at else 0.0))


@dataclass(frozen=True, slots=True)
class Accompaniment:
    """One accompaniment in full, as one of its two sides sees it."""

    line: AccompanimentLine
    person: Person | None
    side: str
    accepted_by: tuple[str, ...]
    allowed: tuple[str, ...]
    plan: Plan
    note: Note | None
    meetings: tuple[Meeting, ...]
    history: tuple[Step, ...]

    @property
    def other(self) -> Party:
        """Return the organisation on the other side."""
        return self.line.employment_service if self.side == "council" else self.line.council

    def named(self, organisation_id: str) -> str:
        """Return the name of one of the two organisations by its id or code, else nothing."""
        for party in (self.line.council, self.line.employment_service):
            if organisation_id and organisation_id in (party.organisation_id, party.code):
                return party.name
        return ""


def first_step(one: Accompaniment) -> str:
    """Return the one thing to do first, as a word that the page has a sentence for."""
    status = one.line.status
    if "acceptance" in one.allowed:
        return "answer"
    if status in OPEN_STATUSES:
        return "wait"
    if status == "review_due":
        return "review"
    if status not in RUNNING_STATUSES:
        return status if status in STATUSES else "go_on"
    if not any(meeting.status in ("proposed", "booked", "postponed", "held") for meeting in one.meetings):
        return "appointment"
    return "go_on" if one.plan.actions or "plan" not in one.allowed else "plan"


@dataclass(frozen=True, slots=True)
class TrainingSession:
    """A session one can ask a seat in."""

    session_id: str
    title: str
    theme: str
    commune: Place
    seats: int
    free: int
    waiting: int
    hours: int
    starts_at: datetime
    place: str
    organisation_name: str


SORTS = ("date", "person", "commune", "status")


def sort_lines(lines: Sequence[AccompanimentLine], by: str, *, descending: bool) -> list[AccompanimentLine]:
    """Sort stably; statuses sort by urgency, those that wait for the reader first."""
    newest_first = sorted(lines, key=lambda line: line.changed_at, reverse=True)
    urgency = {status: n for n, status in enumerate(("review_due", *STATUSES))}
    match by:
        case "commune":
            return sorted(newest_first, key=lambda line: fold(line.commune.name), reverse=descending)
        case "person":
            return sorted(newest_first, key=lambda line: fold(line.person_name), reverse=descending)
        case "status":
            return sorted(
                newest_first,
                key=lambda line: (not line.waiting_for_me, urgency.get(line.status, len(urgency))),
                reverse=descending,
            )
        case _:
            return newest_first if descending else newest_first[::-1]
