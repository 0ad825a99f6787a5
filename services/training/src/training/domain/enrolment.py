"""An enrolment: a person's way from asking for a seat in a session to the end of it.

Every change goes through `Enrolment._move`, which follows status.TABLE: a command either leads to the next status,
counts the seats of its session and returns the fact with the next version, or raises TrainingRefused and changes
nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from training.domain.accompaniment import Accompaniment
from training.domain.errors import (
    IllegalTransition,
    NoSeatFree,
    NotDue,
    NotStarted,
    OfferOver,
    TrainingRefused,
    WrongParty,
)
from training.domain.session import Session, SessionStatus
from training.domain.status import OPEN, ROUTES, TABLE, Actor, Command, Status

OFFER_STANDS = timedelta(hours=48)
"""How long an offered seat is kept; less where the session begins before."""

SYSTEM = frozenset({Actor.SYSTEM})


class Ineligibility(StrEnum):
    """Why a session cannot take a request; never a judgement on the person."""

    UNKNOWN_SESSION = "unknown_session"
    SESSION_CANCELLED = "session_cancelled"
    SESSION_STARTED = "session_started"
    ALREADY_ENROLLED = "already_enrolled"
    """The accompaniment has, or waits for, a seat in this session: one person takes one seat."""
    NOT_AVAILABLE = "not_available"
    """The same through another accompaniment, which those who ask are not told of."""


@dataclass(frozen=True, slots=True)
class EnrolmentChanged:
    """What happened to an enrolment: the fact that history keeps and an event tells."""

    enrolment_id: UUID
    version: int
    status: Status
    at: datetime
    by: Actor
    session_id: UUID
    starts_at: datetime | None
    """When the session begins; None, like `provider_id`, where the id that was asked for names no session."""
    provider_id: UUID | None
    rank: int | None = None
    expires_at: datetime | None = None
    reason: Ineligibility | None = None


@dataclass(slots=True)
class Enrolment:
    """The aggregate. It changes under the lock of its session."""

    enrolment_id: UUID
    accompaniment: Accompaniment
    action_id: UUID
    asked_session_id: UUID
    """The session that was asked for, whatever happened to it since."""
    session_id: UUID
    requested_at: datetime
    changed_at: datetime
    planned: bool = False
    """The shared plan has named it: when the plan no longer does, it is withdrawn."""
    status: Status = Status.DRAFT
    version: int = 0
    waits_on: UUID | None = None
    """The list it waits on: its session's, or the theme's once that session was cancelled (Session.theme_list)."""
    place: int | None = None
    """Where on that list: the lower, the sooner. Given by the store, last, to whoever joins a list without one."""
    offer_expires_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    def allowed(self, session: Session | None, by: frozenset[Actor], now: datetime) -> tuple[str, ...]:
        """Return the routes that whoever acts in these qualities may take now."""
        return tuple(dict.fromkeys(route for command, route in ROUTES.items() if self._may(command, session, by, now)))

    def request(self, session: Session | None, by: frozenset[Actor]) -> EnrolmentChanged:
        """Ask for a seat; nothing is said yet of whether there is one (see `assess`)."""
        return self._move(Command.REQUEST, session, by, self.requested_at)

    def assess(
        self, session: Session | None, *, through: Collection[UUID], at: datetime
    ) -> tuple[EnrolmentChanged, ...]:
        """Give a request its seat, its place on the list, or the reason why it gets neither.

        `through` are the accompaniments by which the person has, or waits for, a seat already. A free seat is not given
        past those who wait.
        """
        reason = self._why_not(session, through, at)
        if session is None or reason is not None:
            return (self._move(Command.INELIGIBILITY, session, SYSTEM, at, reason=reason),)
        eligible = self._move(Command.ELIGIBILITY, session, SYSTEM, at)
        if session.free(at) > 0 and not session.waiting:
            return eligible, self._move(Command.HOLD, session, SYSTEM, at)
        return eligible, self.wait(session, at)

    def wait(self, session: Session, at: datetime) -> EnrolmentChanged:
        """Join the list of a session, last; whoever comes from a cancelled one keeps an earlier place."""
        return self._move(Command.WAITLISTING, session, SYSTEM, at, rank=session.waiting + 1)

    def offer(self, session: Session, at: datetime) -> EnrolmentChanged:
        """Keep a free seat of `session` for a while."""
        until = min(at + OFFER_STANDS, session.programme.starts_at)
        return self._move(Command.OFFER, session, SYSTEM, at, expires_at=until)

    def expire(self, session: Session, at: datetime) -> EnrolmentChanged:
        """Give up the offered seat; raises NotDue while the offer stands."""
        return self._move(Command.EXPIRY, session, SYSTEM, at)

    def leave_cancelled(self, session: Session, rank: int, at: datetime) -> tuple[EnrolmentChanged, ...]:
        """Go from a session that was cancelled to the list of those who come first in the next of its theme."""
        if session.status is not SessionStatus.CANCELLED:
            raise IllegalTransition
        left = self._move(Command.SESSION_CANCELLATION, session, SYSTEM, at)
        return left, self._move(Command.WAITLISTING, session, SYSTEM, at, rank=rank)

    def decide(self, command: Command, session: Session, by: frozenset[Actor], at: datetime) -> EnrolmentChanged:
        """Do what one of the organisations concerned asks."""
        if command not in ROUTES:
            raise IllegalTransition
        return self._move(command, session, by, at)

    def _why_not(self, session: Session | None, through: Collection[UUID], at: datetime) -> Ineligibility | None:
        if session is None:
            return Ineligibility.UNKNOWN_SESSION
        if session.status is not SessionStatus.OPEN:
            return Ineligibility.SESSION_CANCELLED
        if not session.takes_requests(at):
            return Ineligibility.SESSION_STARTED
        if self.accompaniment.accompaniment_id in through:
            return Ineligibility.ALREADY_ENROLLED
        return Ineligibility.NOT_AVAILABLE if through else None

    def _may(self, command: Command, session: Session | None, by: frozenset[Actor], now: datetime) -> bool:
        try:
            self._check(command, session, by, now)
        except TrainingRefused:
            return False
        return True

    def _check(self, command: Command, session: Session | None, by: frozenset[Actor], at: datetime) -> Status:
        way = TABLE.get((self.status, command))
        if way is None:
            raise IllegalTransition
        if not way.by & by:
            raise WrongParty
        if session is not None:
            self._check_session(command, session)
            self._check_time(command, session, at)
        return way.to

    def _check_session(self, command: Command, session: Session) -> None:
        own = session.session_id == self.session_id
        # Onto the list where it waits already it would lose its place.
        moves = command in (Command.OFFER, Command.WAITLISTING) and self.waits_on == session.theme_list and not own
        stays = own and not (command is Command.WAITLISTING and self.status is Status.WAITLISTED)
        if not (stays or moves):
            raise IllegalTransition

    def _check_time(self, command: Command, session: Session, at: datetime) -> None:
        over = self.offer_expires_at is not None and at >= self.offer_expires_at
        if command is Command.CONFIRMATION and over:
            raise OfferOver
        if command is Command.EXPIRY and not over:
            raise NotDue
        if command in (Command.START, Command.ABSENCE) and at < session.programme.starts_at:
            raise NotStarted
        if command in (Command.HOLD, Command.OFFER) and session.free(at) < 1:
            raise NoSeatFree
        in_vain = command is Command.WAITLISTING and not session.takes_requests(at)
        if in_vain and self.status is not Status.SESSION_CANCELLED:
            raise IllegalTransition

    def _move(
        self,
        command: Command,
        session: Session | None,
        by: frozenset[Actor],
        at: datetime,
        *,
        rank: int | None = None,
        expires_at: datetime | None = None,
        reason: Ineligibility | None = None,
    ) -> EnrolmentChanged:
        target = self._check(command, session, by, at)
        actor = min(TABLE[self.status, command].by & by, key=list(Actor).index)
        if session is not None:
            session.count(self.status if session.session_id == self.session_id else None, target)
            self.session_id = session.session_id
        if session is not None and target is Status.WAITLISTED:
            self.waits_on = session.theme_list if session.status is SessionStatus.CANCELLED else session.session_id
        else:
            self.waits_on = self.place = None
        self.offer_expires_at = expires_at
        self.status = target
        self.version += 1
        self.changed_at = at
        return EnrolmentChanged(
            enrolment_id=self.enrolment_id,
            version=self.version,
            status=target,
            at=at,
            by=actor,
            session_id=self.session_id,
            starts_at=None if session is None else session.programme.starts_at,
            provider_id=None if session is None else session.organisation_id,
            rank=rank,
            expires_at=expires_at,
            reason=reason,
        )
