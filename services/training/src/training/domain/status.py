"""Statuses of an enrolment, who may do what, and where it leads: the whole state machine, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    DRAFT = "draft"
    REQUESTED = "requested"
    ELIGIBLE = "eligible"
    INELIGIBLE = "ineligible"
    SEAT_HELD = "seat_held"
    WAITLISTED = "waitlisted"
    SEAT_OFFERED = "seat_offered"
    OFFER_EXPIRED = "offer_expired"
    CONFIRMED = "confirmed"
    ATTENDING = "attending"
    COMPLETED = "completed"
    DROPPED_OUT = "dropped_out"
    NO_SHOW = "no_show"
    REFUSED_BY_PERSON = "refused_by_person"
    REFUSED_BY_THIRD_PARTY = "refused_by_third_party"
    WITHDRAWN = "withdrawn"
    SESSION_CANCELLED = "session_cancelled"


class Actor(StrEnum):
    """In what quality somebody acts on an enrolment."""

    COUNCIL = "council"
    EMPLOYMENT_SERVICE = "employment_service"
    PROVIDER = "provider"
    SYSTEM = "system"
    """The seats, the clock, or an erasure."""


class Command(StrEnum):
    """What can be asked of an enrolment."""

    REQUEST = "request"
    ELIGIBILITY = "eligibility"
    INELIGIBILITY = "ineligibility"
    HOLD = "hold"
    WAITLISTING = "waitlisting"
    OFFER = "offer"
    EXPIRY = "expiry"
    SESSION_CANCELLATION = "session_cancellation"
    CONFIRMATION = "confirmation"
    REFUSAL_BY_PERSON = "refusal_by_person"
    REFUSAL_BY_THIRD_PARTY = "refusal_by_third_party"
    WITHDRAWAL = "withdrawal"
    START = "start"
    COMPLETION = "completion"
    DROP_OUT = "drop_out"
    ABSENCE = "absence"


ROUTES: Mapping[Command, str] = {
    Command.CONFIRMATION: "confirmation",
    Command.REFUSAL_BY_PERSON: "refusal",
    Command.REFUSAL_BY_THIRD_PARTY: "refusal",
    Command.WITHDRAWAL: "withdrawal",
    Command.START: "start",
    Command.COMPLETION: "completion",
    Command.DROP_OUT: "early-end",
    Command.ABSENCE: "early-end",
}
"""What a caller may ask of an enrolment that exists, and its HTTP route; a detail of the body tells two apart."""

PARTIES = frozenset({Actor.COUNCIL, Actor.EMPLOYMENT_SERVICE})
_PROVIDER = frozenset({Actor.PROVIDER})
_SYSTEM = frozenset({Actor.SYSTEM})
_ANYBODY = PARTIES | _PROVIDER
_REQUESTERS = PARTIES | _SYSTEM

SEATED = frozenset({Status.SEAT_HELD, Status.SEAT_OFFERED, Status.CONFIRMED, Status.ATTENDING})
"""Those who take one of the session's seats."""

OPEN = SEATED | {Status.WAITLISTED}
"""Those for whom something may still happen. The rest is over, but for what passes within one transaction."""

PASSING = frozenset({Status.DRAFT, Status.REQUESTED, Status.ELIGIBLE, Status.SESSION_CANCELLED})
"""Never where an enrolment is left: the transaction that brings it here leads on."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a command leads, and who may ask for it."""

    to: Status
    by: frozenset[Actor]


TABLE: Mapping[tuple[Status, Command], Way] = {
    (Status.DRAFT, Command.REQUEST): Way(Status.REQUESTED, _REQUESTERS),
    (Status.REQUESTED, Command.ELIGIBILITY): Way(Status.ELIGIBLE, _SYSTEM),
    (Status.REQUESTED, Command.INELIGIBILITY): Way(Status.INELIGIBLE, _SYSTEM),
    (Status.ELIGIBLE, Command.HOLD): Way(Status.SEAT_HELD, _SYSTEM),
    (Status.ELIGIBLE, Command.WAITLISTING): Way(Status.WAITLISTED, _SYSTEM),
    (Status.SEAT_HELD, Command.CONFIRMATION): Way(Status.CONFIRMED, _PROVIDER),
    (Status.WAITLISTED, Command.OFFER): Way(Status.SEAT_OFFERED, _SYSTEM),
    # Onto the list of the session that takes the place of a cancelled one.
    (Status.WAITLISTED, Command.WAITLISTING): Way(Status.WAITLISTED, _SYSTEM),
    (Status.SEAT_OFFERED, Command.CONFIRMATION): Way(Status.CONFIRMED, _ANYBODY),
    (Status.SEAT_OFFERED, Command.EXPIRY): Way(Status.OFFER_EXPIRED, _SYSTEM),
    **{
        (status, Command.REFUSAL_BY_PERSON): Way(Status.REFUSED_BY_PERSON, _ANYBODY)
        for status in (Status.SEAT_HELD, Status.SEAT_OFFERED)
    },
    **{
        (status, Command.REFUSAL_BY_THIRD_PARTY): Way(Status.REFUSED_BY_THIRD_PARTY, _ANYBODY)
        for status in (Status.SEAT_HELD, Status.SEAT_OFFERED)
    },
    **{(status, Command.WITHDRAWAL): Way(Status.WITHDRAWN, _REQUESTERS) for status in OPEN},
    (Status.CONFIRMED, Command.START): Way(Status.ATTENDING, _PROVIDER),
    (Status.CONFIRMED, Command.ABSENCE): Way(Status.NO_SHOW, _PROVIDER),
    (Status.ATTENDING, Command.COMPLETION): Way(Status.COMPLETED, _PROVIDER),
    (Status.ATTENDING, Command.DROP_OUT): Way(Status.DROPPED_OUT, _PROVIDER),
    **{(status, Command.SESSION_CANCELLATION): Way(Status.SESSION_CANCELLED, _SYSTEM) for status in OPEN},
    (Status.SESSION_CANCELLED, Command.WAITLISTING): Way(Status.WAITLISTED, _SYSTEM),
}
"""What is not here is refused."""
