"""A referral: one organisation asks another to see a person, and is answered.

Every change goes through `Referral._move`, which follows status.TABLE: a command either leads to the next status and
returns the fact, with the next version, or raises ReferralRefused and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from referrals.domain.decline import Decline
from referrals.domain.errors import IllegalTransition, NotDue, SameCommune, WrongParty
from referrals.domain.sandbox import EXPIRES_SECONDS, OVERDUE_SECONDS, Simulated
from referrals.domain.status import ACTOR_OF, OPEN, STEPS, TABLE, Actor, Command, Status

OVERDUE_AFTER = timedelta(days=10)
"""The council's time to answer, from submission."""

EXPIRES_AFTER = timedelta(days=30)
"""From submission, whatever happened meanwhile short of an answer."""


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """What happened: the fact that history keeps and an event tells."""

    referral_id: UUID
    version: int
    status: Status
    at: datetime
    by: Actor
    decline: Decline | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """Somebody at the receiver opened the referral's page for the first time: no status, and no answer."""

    referral_id: UUID
    version: int
    status: Status
    since: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """The person lives elsewhere: the fact that history keeps and an event tells."""

    referral_id: UUID
    version: int
    at: datetime
    by: Actor
    from_commune: str
    from_receiver_id: UUID
    asked_anew: bool
    """Whether another receiver is asked from now on."""


@dataclass(frozen=True, slots=True)
class Parties:
    """The two organisations of a referral."""

    referrer_id: UUID
    referrer_kind: str
    receiver_id: UUID

    def quality_of(self, organisation_id: UUID) -> frozenset[Actor]:
        """Return as what an organisation may act: nothing at all for a third one."""
        sides = {Actor.REFERRER: self.referrer_id, Actor.RECEIVER: self.receiver_id}
        return frozenset(side for side, party in sides.items() if party == organisation_id)


@dataclass(slots=True)
class Referral:
    """The aggregate. Who the person is stands apart (person.py): nothing here needs it."""

    referral_id: UUID
    correlation_id: UUID
    parties: Parties
    commune: str
    themes: tuple[str, ...]
    submitted_at: datetime
    changed_at: datetime
    status: Status = Status.DRAFT
    step: Status = Status.SUBMITTED
    """The last of STEPS reached: where an overdue referral goes on."""
    overdue_at: datetime | None = None
    version: int = 0
    sandbox: bool = False
    """Whether nobody in it is real."""
    simulated: Simulated | None = None
    """How the receiver behaves, where a program answers for it."""
    opened_at: datetime | None = None
    asked_at: datetime | None = None
    """Since when the receiver has been asked, where it is not the first one."""

    def term(self, command: Command) -> datetime:
        """Return when silence becomes this: 10 and 30 days after it was asked, or a simulator's seconds."""
        asked_at = self.asked_at or self.submitted_at
        if self.simulated is Simulated.EXPIRES:
            return asked_at + (OVERDUE_SECONDS if command is Command.OVERDUE else EXPIRES_SECONDS)
        return asked_at + (OVERDUE_AFTER if command is Command.OVERDUE else EXPIRES_AFTER)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    def allowed(self, sides: frozenset[Actor]) -> tuple[Command, ...]:
        """Return what whoever acts in these qualities may ask for now."""
        return tuple(
            command for command, actor in ACTOR_OF.items() if actor in sides and self._target(command) is not None
        )

    def submit(self, by: frozenset[Actor]) -> StatusChanged:
        return self._move(Command.SUBMISSION, by, self.submitted_at)

    def decide(
        self, command: Command, by: frozenset[Actor], at: datetime, decline: Decline | None = None
    ) -> StatusChanged:
        """Do what a party asks; `decline` comes with Command.DECLINE and only with it."""
        if (decline is not None) != (command is Command.DECLINE):
            raise IllegalTransition
        return self._move(command, by, at, decline)

    def notice_silence(self, command: Command, at: datetime) -> StatusChanged:
        """Mark the referral overdue or expired; raises NotDue while the receiver still has time."""
        if at < self.term(command):
            raise NotDue
        return self._move(command, frozenset({Actor.SYSTEM}), at)

    @property
    def unread(self) -> bool:
        """Whether the first opening by the receiver is still to be told: once answered, the answer says more."""
        return self.is_open and self.opened_at is None

    def open(self, at: datetime) -> Opened | None:
        """Note that the receiver opened it; None where that is known, or nobody waits for an answer any more."""
        if not self.unread:
            return None
        self.opened_at = at
        self.version += 1
        return Opened(self.referral_id, self.version, self.status, self.changed_at, at)

    def check_move(self, commune: str, by: frozenset[Actor]) -> Actor:
        """Return who says that the person moved. Raises WrongParty, IllegalTransition once answered, SameCommune."""
        said_by = next((side for side in (Actor.REFERRER, Actor.RECEIVER) if side in by), None)
        if said_by is None:
            raise WrongParty
        if not self.is_open:
            # An answer was given for where the person lived: what was agreed ends as `moved`, and one asks again.
            raise IllegalTransition
        if commune == self.commune:
            raise SameCommune
        return said_by

    def move(
        self, commune: str, receiver_id: UUID, by: frozenset[Actor], at: datetime, simulated: Simulated | None = None
    ) -> Moved:
        """Follow the person to another commune; a receiver that was not asked before has all its time to answer."""
        said_by = self.check_move(commune, by)
        before, receiver_before = self.commune, self.parties.receiver_id
        self.commune = commune
        if receiver_id != receiver_before:
            self.parties = replace(self.parties, receiver_id=receiver_id)
            self.status = self.step = Status.SUBMITTED
            self.overdue_at = None
            self.asked_at = at
            self.opened_at = None
            self.simulated = simulated
        self.version += 1
        self.changed_at = at
        return Moved(
            self.referral_id, self.version, at, said_by, before, receiver_before, receiver_id != receiver_before
        )

    def _target(self, command: Command) -> Status | None:
        if command is Command.OVERDUE and self.overdue_at is not None:
            return None
        # A late answer goes on from the step that was reached before the term.
        return TABLE.get((self.status, command)) or (
            TABLE.get((self.step, command)) if self.status is Status.OVERDUE else None
        )

    def _move(
        self, command: Command, by: frozenset[Actor], at: datetime, decline: Decline | None = None
    ) -> StatusChanged:
        actor = ACTOR_OF[command]
        if actor not in by:
            raise WrongParty
        target = self._target(command)
        if target is None:
            raise IllegalTransition
        self.status = target
        self.version += 1
        self.changed_at = at
        if target in STEPS:
            self.step = target
        if target is Status.OVERDUE:
            self.overdue_at = at
        return StatusChanged(self.referral_id, self.version, target, at, actor, decline)


def parties_of(referrals: Iterable[Referral]) -> set[UUID]:
    """Return the organisations that are parties to any of these referrals."""
    return {party for one in referrals for party in (one.parties.referrer_id, one.parties.receiver_id)}
