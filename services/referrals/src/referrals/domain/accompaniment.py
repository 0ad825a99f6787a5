"""A joint accompaniment: a council and an employment service agree to support one person together.

One aggregate of two organisations. Every change goes through `Accompaniment._move`, which follows
accompaniment_status.TABLE: a command either leads to the next status and returns what happened, with the next version,
or raises ReferralRefused and changes nothing. Words (plan, notes) and who the person is stand apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from referrals.domain.accompaniment_status import (
    ANSWERS,
    BY_CLOCK,
    OPEN,
    SIDES_OF,
    TABLE,
    Command,
    EndReason,
    Side,
    Status,
)
from referrals.domain.errors import AccompanimentTransition, NotDue, WrongParty
from referrals.domain.referral import Parties
from referrals.domain.sandbox import Simulated
from referrals.domain.terms import CONTRACT_MONTHS, JOINT_DIAGNOSIS_MONTHS, ORIENTATION_AFTER, months_after


class Fact(StrEnum):
    """What can have happened: each is an event."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    ACTIVATED = "activated"
    REFUSED = "refused"
    PLAN_CHANGED = "plan_changed"
    TERM_DUE = "term_due"
    REVIEW_DUE = "review_due"
    REVIEWED = "reviewed"
    ENDED = "ended"


_FACTS = {
    (Command.PROPOSAL, Status.PROPOSED): Fact.PROPOSED,
    (Command.ACCEPTANCE, Status.ACCEPTED_BY_ONE): Fact.ACCEPTED,
    (Command.ACCEPTANCE, Status.ACTIVE): Fact.ACTIVATED,
    (Command.REFUSAL, Status.REFUSED): Fact.REFUSED,
    (Command.END, Status.ENDED): Fact.ENDED,
    (Command.REVIEW, Status.ACTIVE): Fact.REVIEWED,
    (Command.PLAN, Status.ACTIVE): Fact.PLAN_CHANGED,
    (Command.PLAN, Status.REVIEW_DUE): Fact.PLAN_CHANGED,
}


@dataclass(frozen=True, slots=True)
class Happened:
    """One fact, as history keeps it and an event tells it."""

    fact: Fact
    version: int
    at: datetime
    by: Side
    reason: EndReason | None = None
    term: Command | None = None
    due_at: datetime | None = None
    """Of a term: when it came, which is before the clock noticed."""


@dataclass(slots=True)
class Accompaniment:
    """The aggregate. `parties` are the referral's: its receiver is the council of the pair."""

    accompaniment_id: UUID
    referral_id: UUID
    correlation_id: UUID
    """The referral's: it is one story."""
    subject_ref: UUID
    parties: Parties
    employment_id: UUID
    commune: str
    proposed_at: datetime
    changed_at: datetime
    status: Status = Status.DRAFT
    accepted_by: frozenset[Side] = frozenset()
    activated_at: datetime | None = None
    renewed_at: datetime | None = None
    """Since when the joint diagnosis holds: the activation, or the last review."""
    terms_told: frozenset[Command] = frozenset()
    """Terms that come once and have been told."""
    version: int = 0
    simulated: Simulated | None = None
    """How the employment service behaves, where a program answers for it."""

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    def side_of(self, organisation_id: UUID) -> Side | None:
        """Return on which side an organisation is: none for a third one."""
        sides = {self.parties.receiver_id: Side.COUNCIL, self.employment_id: Side.EMPLOYMENT_SERVICE}
        return sides.get(organisation_id)

    def organisation_on(self, side: Side) -> UUID | None:
        """Return the organisation on a side; the clock is none."""
        return {Side.COUNCIL: self.parties.receiver_id, Side.EMPLOYMENT_SERVICE: self.employment_id}.get(side)

    def allowed(self, side: Side) -> tuple[Command, ...]:
        """Return what a side may ask for now."""
        return tuple(
            command for command, sides in SIDES_OF.items() if side in sides and self._target(command, side) is not None
        )

    def propose(self, by: Side | None) -> Happened:
        """Ask both organisations; proposing is not accepting."""
        return self._move(Command.PROPOSAL, by, self.proposed_at)

    def act(self, command: Command, by: Side | None, at: datetime, reason: EndReason | None = None) -> Happened:
        """Do what a side asks; `reason` comes with Command.END and only with it."""
        if command is Command.NOTE or command in BY_CLOCK or (reason is not None) != (command is Command.END):
            raise AccompanimentTransition
        return self._move(command, by, at, reason)

    def check_note(self, by: Side | None) -> None:
        """Raise unless this side may write its note now. A note is no fact: nobody else learns that it changed."""
        self._target_or_raise(Command.NOTE, by)

    def notice_term(self, term: Command, at: datetime) -> tuple[Happened, ...]:
        """Say that a term has come; raises NotDue before it has, and once it was told."""
        due_at = self.due_at(term)
        if due_at is None:
            raise AccompanimentTransition
        if at < due_at or term in self.terms_told:
            raise NotDue
        self.status = self._target_or_raise(term, Side.SYSTEM)
        told = [self._happened(Fact.TERM_DUE, Side.SYSTEM, at, term=term, due_at=due_at)]
        if term is Command.JOINT_DIAGNOSIS:
            told.append(self._happened(Fact.REVIEW_DUE, Side.SYSTEM, at, due_at=due_at))
        else:
            self.terms_told |= {term}
        return tuple(told)

    def due_at(self, term: Command) -> datetime | None:
        """Return when a term comes; None while what starts it has not happened."""
        if term is Command.ORIENTATION:
            return self.proposed_at + ORIENTATION_AFTER
        if term is Command.CONTRACT and self.activated_at is not None:
            return months_after(self.activated_at, CONTRACT_MONTHS)
        if term is Command.JOINT_DIAGNOSIS and self.renewed_at is not None:
            return months_after(self.renewed_at, JOINT_DIAGNOSIS_MONTHS)
        return None

    def _target(self, command: Command, by: Side) -> Status | None:
        if command in ANSWERS and by in self.accepted_by:
            return None
        return TABLE.get((self.status, command))

    def _target_or_raise(self, command: Command, by: Side | None) -> Status:
        if by is None or by not in SIDES_OF[command]:
            raise WrongParty
        target = self._target(command, by)
        if target is None:
            raise AccompanimentTransition
        return target

    def _move(self, command: Command, by: Side | None, at: datetime, reason: EndReason | None = None) -> Happened:
        target = self._target_or_raise(command, by)
        assert by is not None
        self.status = target
        fact = _FACTS[command, target]
        if command is Command.ACCEPTANCE:
            self.accepted_by |= {by}
        if fact is Fact.ACTIVATED:
            self.activated_at = at
        if fact in (Fact.ACTIVATED, Fact.REVIEWED):
            self.renewed_at = at
        return self._happened(fact, by, at, reason=reason)

    def _happened(
        self,
        fact: Fact,
        by: Side,
        at: datetime,
        *,
        reason: EndReason | None = None,
        term: Command | None = None,
        due_at: datetime | None = None,
    ) -> Happened:
        self.version += 1
        self.changed_at = at
        return Happened(fact, self.version, at, by, reason, term, due_at)
