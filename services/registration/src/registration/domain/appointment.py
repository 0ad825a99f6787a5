"""An appointment of a person with the organisations that accompany them.

Every change goes through `Appointment.decide`, which follows appointment_table.TABLE: a command either leads to the
next state and returns the facts, with the next versions, or raises RegistrationRefused and changes nothing.

Postponing is never held against anybody: its fact has the date that no longer holds, and nothing else; whoever asked
for it is looked at in the table and forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from registration.domain.accompaniment import OVER, Accompaniment
from registration.domain.appointment_table import OPEN, TABLE, Actor, Command, State, may_ever
from registration.domain.errors import (
    DateChanged,
    IllegalTransition,
    InputRefused,
    OptionGone,
    RegistrationRefused,
    TooEarly,
    TooLate,
    WrongParty,
)

OPTIONS_MAX = 5
"""More dates at once are a calendar, not a choice."""

OFFERED_AHEAD: Final = timedelta(days=366)
"""A date further away is a slip of the keyboard; it also bounds how long a link may last."""


class Modality(StrEnum):
    IN_PERSON = "in_person"
    PHONE = "phone"
    VIDEO = "video"
    CHAT = "chat"


class What(StrEnum):
    """What happened."""

    PROPOSED = "proposed"
    BOOKED = "booked"
    POSTPONED = "postponed"
    HELD = "held"
    MISSED = "missed"
    CANCELLED_BY_PERSON = "cancelled_by_person"
    CANCELLED_BY_SERVICE = "cancelled_by_service"


@dataclass(frozen=True, slots=True)
class Fact:
    """What an event tells. `starts_at` is the date agreed or, of a postponement, the one that no longer holds."""

    what: What
    version: int
    at: datetime
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A command with its details: a date for `booking`, for `postponement` if one is agreed at once; or dates.

    `instead_of` is the date that whoever asks to postpone or cancel has seen: no other one is ever taken away.
    """

    command: Command
    starts_at: datetime | None = None
    options: tuple[datetime, ...] = ()
    instead_of: datetime | None = None


@dataclass(slots=True)
class Appointment:
    """The aggregate. `options` are the dates offered that nobody has taken, `starts_at` the one that holds."""

    appointment_id: UUID
    accompaniment: Accompaniment
    organiser_id: UUID
    modality: Modality
    duration_minutes: int
    place: str | None = field(default=None, repr=False)
    options: tuple[datetime, ...] = ()
    starts_at: datetime | None = None
    state: State = State.DRAFT
    version: int = 0

    def quality_of(self, organisation_id: UUID) -> Actor | None:
        """Return as what an organisation may act; None for a third one."""
        if not self.accompaniment.has(organisation_id):
            return None
        return Actor.ORGANISER if organisation_id == self.organiser_id else Actor.PARTNER

    def future_options(self, now: datetime) -> tuple[datetime, ...]:
        """Return the dates that can still be taken."""
        return tuple(option for option in self.options if option > now)

    def is_to_come(self, now: datetime) -> bool:
        """Say whether it may still take place: open, and not after its time or, without a date, all those offered."""
        if self.state not in OPEN:
            return False
        if self.starts_at is None:
            return bool(self.future_options(now))
        return now < self.starts_at + timedelta(minutes=self.duration_minutes)

    def is_known_to(self, organisation_id: UUID, now: datetime) -> bool:
        """Say whether one of the two still has a reason to know who it is about, and where.

        The employment service has none once the accompaniment was refused or has ended, but for what is to come.
        """
        story = self.accompaniment
        return organisation_id == story.council_id or story.standing not in OVER or self.is_to_come(now)

    def allowed(self, by: Actor, now: datetime) -> tuple[Command, ...]:
        """Return what this actor may ask for now."""
        return tuple(command for command in Command if self._is_allowed(command, by, now))

    def decide(self, ask: Ask, by: Actor, now: datetime) -> tuple[Fact, ...]:
        """Do what is asked; a postponement to a date that is agreed at once is two facts."""
        target = self._target(ask.command, by)
        if ask.instead_of is not None and ask.instead_of != self.starts_at:
            raise DateChanged
        self._check_time(ask.command, by, now)
        match ask.command:
            case Command.PROPOSAL | Command.OPTIONS:
                check_options(ask.options, now)
                self.options = tuple(sorted(ask.options))
                return (self._tell(What.PROPOSED, target, now),)
            case Command.BOOKING:
                return (self._book(self._option(ask.starts_at, now), target, now),)
            case Command.POSTPONEMENT:
                other = None if ask.starts_at is None else self._other_date(ask, ask.starts_at, by, now)
                return self._postpone(other, by, now)
            case Command.HOLDING | Command.ABSENCE | Command.CANCELLATION:
                return (self._tell(What(target.value), target, now),)

    def _postpone(self, other: datetime | None, by: Actor, now: datetime) -> tuple[Fact, ...]:
        gone, self.starts_at = self.starts_at, None
        postponed = self._tell(What.POSTPONED, State.POSTPONED, now, gone)
        if other is None:
            return (postponed,)
        return (postponed, self._book(other, self._target(Command.BOOKING, by), now))

    def _book(self, starts_at: datetime, target: State, now: datetime) -> Fact:
        self.starts_at = starts_at
        self.options = tuple(option for option in self.options if option != starts_at)
        return self._tell(What.BOOKED, target, now, starts_at)

    def _tell(self, what: What, target: State, now: datetime, starts_at: datetime | None = None) -> Fact:
        self.state = target
        self.version += 1
        return Fact(what, self.version, now, starts_at)

    def _target(self, command: Command, by: Actor) -> State:
        target = TABLE.get((self.state, command, by))
        if target is None:
            raise IllegalTransition if may_ever(command, by) else WrongParty
        # Who no longer accompanies the person asks nothing more of them; what stands may still be concluded.
        if command in (Command.PROPOSAL, Command.OPTIONS) and not self.accompaniment.is_joint:
            raise IllegalTransition
        return target

    def _check_time(self, command: Command, by: Actor, now: datetime) -> None:
        begun = self.starts_at is not None and now >= self.starts_at
        if begun and (command is Command.POSTPONEMENT or (command is Command.CANCELLATION and by is Actor.PERSON)):
            raise TooLate
        if not begun and command in (Command.HOLDING, Command.ABSENCE):
            raise TooEarly

    def _option(self, starts_at: datetime | None, now: datetime) -> datetime:
        if starts_at is None or starts_at not in self.future_options(now):
            raise OptionGone
        return starts_at

    def _other_date(self, ask: Ask, starts_at: datetime, by: Actor, now: datetime) -> datetime:
        """Return the date to postpone to: an option or, agreed by word of mouth, one that the organiser offers now."""
        organises = by is Actor.ORGANISER and ask.instead_of is not None
        if not organises or starts_at == self.starts_at or starts_at in self.options:
            return self._option(starts_at, now)
        check_date("starts_at", starts_at, now)
        if not self.accompaniment.is_joint:
            raise IllegalTransition
        return starts_at

    def _is_allowed(self, command: Command, by: Actor, now: datetime) -> bool:
        try:
            self._target(command, by)
            self._check_time(command, by, now)
        except RegistrationRefused:
            return False
        return command is not Command.BOOKING or bool(self.future_options(now))


def check_options(options: Sequence[datetime], now: datetime) -> None:
    """Raise InputRefused unless there are one to five different dates, all to come."""
    if not 1 <= len(options) <= OPTIONS_MAX:
        raise InputRefused("options", "one_to_five")
    if len(set(options)) != len(options):
        raise InputRefused("options", "repeated")
    for n, option in enumerate(options):
        check_date(f"options[{n}]", option, now)


def check_date(field: str, date: datetime, now: datetime) -> None:
    """Raise InputRefused unless the date is to come, and not too far away."""
    if date <= now:
        raise InputRefused(field, "in_the_past")
    if date > now + OFFERED_AHEAD:
        raise InputRefused(field, "too_far_ahead")
