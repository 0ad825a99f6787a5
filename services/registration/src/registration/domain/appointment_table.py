"""States of an appointment, who may do what, and where it leads: the whole state machine, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    DRAFT = "draft"
    PROPOSED = "proposed"
    BOOKED = "booked"
    POSTPONED = "postponed"
    HELD = "held"
    MISSED = "missed"
    CANCELLED_BY_PERSON = "cancelled_by_person"
    CANCELLED_BY_SERVICE = "cancelled_by_service"


class Actor(StrEnum):
    """In what quality somebody acts on an appointment. It is never stored with a postponement, nor told."""

    PERSON = "person"
    """By signed link."""
    ORGANISER = "organiser"
    """The organisation that receives the person."""
    PARTNER = "partner"
    """The other organisation of the accompaniment: it may do what the person asks of it, and judges nothing."""


class Command(StrEnum):
    """What can be asked of an appointment, under the names of the HTTP routes."""

    PROPOSAL = "proposal"
    BOOKING = "booking"
    POSTPONEMENT = "postponement"
    OPTIONS = "options"
    """Other dates, after a postponement."""
    HOLDING = "holding"
    ABSENCE = "absence"
    CANCELLATION = "cancellation"


ANYBODY: Final = tuple(Actor)
OPEN: Final = (State.PROPOSED, State.BOOKED, State.POSTPONED)

CLOSING: Final = (Command.CANCELLATION, Command.HOLDING, Command.ABSENCE)
"""By these an organisation ends its part. Of no other is a council capable outside its territory."""

TABLE: Final[Mapping[tuple[State, Command, Actor], State]] = {
    (State.DRAFT, Command.PROPOSAL, Actor.ORGANISER): State.PROPOSED,
    **{(State.PROPOSED, Command.BOOKING, actor): State.BOOKED for actor in ANYBODY},
    **{(State.BOOKED, Command.POSTPONEMENT, actor): State.POSTPONED for actor in ANYBODY},
    **{(State.POSTPONED, Command.BOOKING, actor): State.BOOKED for actor in ANYBODY},
    (State.POSTPONED, Command.OPTIONS, Actor.ORGANISER): State.POSTPONED,
    (State.BOOKED, Command.HOLDING, Actor.ORGANISER): State.HELD,
    (State.BOOKED, Command.ABSENCE, Actor.ORGANISER): State.MISSED,
    **{(state, Command.CANCELLATION, Actor.PERSON): State.CANCELLED_BY_PERSON for state in OPEN},
    **{(state, Command.CANCELLATION, Actor.ORGANISER): State.CANCELLED_BY_SERVICE for state in OPEN},
}
"""Where a command leads from a state, by whom. What is not here is refused."""


def may_ever(command: Command, actor: Actor) -> bool:
    """Say whether the command is this actor's in any state at all."""
    return any((state, command, actor) in TABLE for state in State)
