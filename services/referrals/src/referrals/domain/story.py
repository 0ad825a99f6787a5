"""The steps of a person's story after the referral, as the services told them, and what stands at the end of them.

Every step is a fact that happened; what is now (an appointment's date, an enrolment's state) is read from its steps,
the newest by version. A postponement takes a date away and leaves nothing else: no author, no reason, no count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

APPOINTMENT = "appointment_"
ENROLMENT = "enrolment_"
ACCOMPANIMENT = "accompaniment_"

NOT_FOR_REFERRER = frozenset({f"{APPOINTMENT}missed", f"{ENROLMENT}ended_early"})
"""Nobody outside the accompaniment draws anything from an absence."""

BETWEEN_THE_TWO = frozenset(f"{ACCOMPANIMENT}{fact}" for fact in ("plan_changed", "term_due", "review_due", "reviewed"))
"""The two organisations' own work: on the accompaniment's page, not on the referral's."""

DATED = frozenset({f"{APPOINTMENT}booked", f"{ENROLMENT}confirmed"})
"""Steps at which somebody is told when to come."""

_STATUS_OF_STEP: Mapping[str, str] = {"found_ineligible": "ineligible", "started": "attending"}
"""Where a step is not called like the state it leads to."""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One fact of the story, told by `by`."""

    event_id: UUID
    referral_id: UUID
    aggregate_id: UUID
    """The accompaniment, the appointment or the enrolment that it happened to."""
    version: int
    at: datetime
    step: str
    by: str
    accompaniment_id: UUID
    organisation_id: UUID | None = None
    starts_at: datetime | None = None
    modality: str | None = None
    action_id: UUID | None = None
    session_id: UUID | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment as it stands."""

    appointment_id: UUID
    status: str
    starts_at: datetime | None
    modality: str | None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolment as it stands."""

    enrolment_id: UUID
    action_id: UUID
    session_id: UUID
    status: str
    starts_at: datetime | None
    rank: int | None
    """On the waiting list; None elsewhere."""
    at: datetime


def on_timeline(steps: Iterable[StoryStep], *, for_referrer: bool) -> list[StoryStep]:
    """Return the steps that a party of the referral reads on its page."""
    hidden = BETWEEN_THE_TWO | NOT_FOR_REFERRER if for_referrer else BETWEEN_THE_TWO
    return [step for step in steps if step.step not in hidden]


def appointments_of(steps: Iterable[StoryStep]) -> list[Appointment]:
    """Return the appointments, the first proposed first; a postponed one has no date until it is booked again."""
    return [_appointment(history) for history in _by_aggregate(steps, APPOINTMENT)]


def enrolments_of(steps: Iterable[StoryStep]) -> list[Enrolment]:
    """Return the enrolments, the first requested first."""
    return [_enrolment(history) for history in _by_aggregate(steps, ENROLMENT)]


def enrolment_for(action_id: UUID, session_id: UUID | None, enrolments: Iterable[Enrolment]) -> Enrolment | None:
    """Return the enrolment that an action asked for: in the session it names, else the newest."""
    of_action = [one for one in enrolments if one.action_id == action_id]
    return max(of_action, key=lambda one: (one.session_id == session_id, one.at), default=None)


def _by_aggregate(steps: Iterable[StoryStep], prefix: str) -> list[list[StoryStep]]:
    found: dict[UUID, list[StoryStep]] = {}
    for step in steps:
        if step.step.startswith(prefix):
            found.setdefault(step.aggregate_id, []).append(step)
    return [sorted(history, key=lambda step: step.version) for history in found.values()]


def _appointment(history: list[StoryStep]) -> Appointment:
    status, starts_at, modality = "", None, None
    for step in history:
        name = step.step.removeprefix(APPOINTMENT)
        modality = step.modality or modality
        if name == "booked":
            starts_at = step.starts_at
        elif name == "postponed":
            starts_at = None
        # Other dates offered after a postponement: the person has still postponed, and still chooses.
        if (status, name) != ("postponed", "proposed"):
            status = name
    return Appointment(history[-1].aggregate_id, status, starts_at, modality)


def _enrolment(history: list[StoryStep]) -> Enrolment:
    last = history[-1]
    assert last.action_id is not None
    assert last.session_id is not None
    name = last.step.removeprefix(ENROLMENT)
    status = _STATUS_OF_STEP.get(name, name)
    return Enrolment(last.aggregate_id, last.action_id, last.session_id, status, last.starts_at, last.rank, last.at)
