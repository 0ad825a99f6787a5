"""A training session and its seats: those taken never exceed those there are.

`taken` and `waiting` follow every move of an enrolment (Session.count), which refuses what would exceed the seats and
then changes nothing. Of a cancelled session nothing is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from training.domain.errors import (
    IllegalTransition,
    InputRefused,
    NoSeatFree,
    SessionStarted,
    TrainingRefused,
    WrongParty,
)
from training.domain.status import SEATED, Actor, Status

LATEST_START = timedelta(days=3 * 366)
"""From now: later dates are slips of the keyboard."""


class SessionStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    CANCELLED = "cancelled"


class SessionCommand(StrEnum):
    """What can be asked of a session, under the names of the HTTP routes."""

    OPENING = "opening"
    CANCELLATION = "cancellation"


class CancelReason(StrEnum):
    TOO_FEW_PEOPLE = "too_few_people"
    NO_TRAINER = "no_trainer"
    NO_ROOM = "no_room"
    OTHER = "other"


SESSION_TABLE: Mapping[tuple[SessionStatus, SessionCommand], SessionStatus] = {
    (SessionStatus.DRAFT, SessionCommand.OPENING): SessionStatus.OPEN,
    (SessionStatus.OPEN, SessionCommand.CANCELLATION): SessionStatus.CANCELLED,
}
"""Where a command leads, all of them the provider's. What is not here is refused."""


@dataclass(frozen=True, slots=True)
class Programme:
    """What is offered: what, where, when, and for how many."""

    title: str
    theme: str
    commune: str
    seats: int
    hours: int
    starts_at: datetime
    place: str

    def check(self, now: datetime) -> None:
        """Raise InputRefused where nobody could come."""
        if self.starts_at <= now:
            raise InputRefused("starts_at", "not_in_the_future")
        if self.starts_at > now + LATEST_START:
            raise InputRefused("starts_at", "too_far")


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """What happened to a session: the fact that an event tells."""

    session_id: UUID
    version: int
    status: SessionStatus
    at: datetime
    reason: CancelReason | None = None


@dataclass(slots=True)
class Session:
    """The aggregate. Whoever holds its lock may change it and the enrolments in it."""

    session_id: UUID
    correlation_id: UUID
    organisation_id: UUID
    programme: Programme
    opened_at: datetime
    changed_at: datetime
    status: SessionStatus = SessionStatus.DRAFT
    version: int = 0
    taken: int = 0
    waiting: int = 0

    @property
    def theme_list(self) -> UUID:
        """Name the list of those whose session was cancelled: one for each theme of the organisation."""
        return uuid5(self.organisation_id, self.programme.theme)

    def takes_requests(self, now: datetime) -> bool:
        """Return whether seats of it are given out: it is open and has not begun."""
        return self.status is SessionStatus.OPEN and now < self.programme.starts_at

    def free(self, now: datetime) -> int:
        return self.programme.seats - self.taken if self.takes_requests(now) else 0

    def quality_of(self, organisation_id: UUID) -> frozenset[Actor]:
        return frozenset({Actor.PROVIDER}) if organisation_id == self.organisation_id else frozenset()

    def allowed(self, by: frozenset[Actor], now: datetime) -> tuple[SessionCommand, ...]:
        """Return what whoever acts in these qualities may ask for now."""
        return tuple(command for command in SessionCommand if self._may(command, by, now))

    def open(self, by: frozenset[Actor]) -> SessionChanged:
        """Let people ask for it."""
        self.programme.check(self.opened_at)
        return self._move(SessionCommand.OPENING, by, self.opened_at)

    def cancel(self, by: frozenset[Actor], at: datetime, reason: CancelReason) -> SessionChanged:
        """End it before it begins. Whoever was in it has no seat any more: tell each (Enrolment.leave_cancelled)."""
        fact = self._move(SessionCommand.CANCELLATION, by, at, reason)
        self.taken = self.waiting = 0
        return fact

    def count(self, before: Status | None, after: Status) -> None:
        """Follow an enrolment that moves between statuses in this session; NoSeatFree, and nothing done, when full."""
        if self.status is not SessionStatus.OPEN:
            return
        taken = self.taken + (after in SEATED) - (before in SEATED)
        if taken > self.taken and taken > self.programme.seats:
            raise NoSeatFree
        self.taken = taken
        self.waiting += (after is Status.WAITLISTED) - (before is Status.WAITLISTED)

    def _may(self, command: SessionCommand, by: frozenset[Actor], now: datetime) -> bool:
        try:
            self._check(command, by, now)
        except TrainingRefused:
            return False
        return True

    def _check(self, command: SessionCommand, by: frozenset[Actor], at: datetime) -> SessionStatus:
        if Actor.PROVIDER not in by:
            raise WrongParty
        target = SESSION_TABLE.get((self.status, command))
        if target is None:
            raise IllegalTransition
        if command is SessionCommand.CANCELLATION and at >= self.programme.starts_at:
            raise SessionStarted
        return target

    def _move(
        self, command: SessionCommand, by: frozenset[Actor], at: datetime, reason: CancelReason | None = None
    ) -> SessionChanged:
        target = self._check(command, by, at)
        self.status = target
        self.version += 1
        self.changed_at = at
        return SessionChanged(self.session_id, self.version, target, at, reason)
