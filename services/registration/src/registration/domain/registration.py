"""One person's registration: every change follows TABLE, or is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from registration.domain.errors import IllegalTransition


class State(StrEnum):
    DRAFT = "draft"
    PRE_REGISTERED = "pre_registered"
    """A referral opened the file; the person has not asked for anything yet."""
    ERASED = "erased"


class Command(StrEnum):
    PRE_REGISTER = "pre_register"
    MATCH = "match"
    """A referral describes somebody who is known already."""


class Outcome(StrEnum):
    MATCHED = "matched"
    PRE_REGISTERED = "pre_registered"


TABLE: Mapping[tuple[State, Command], State] = {
    (State.DRAFT, Command.PRE_REGISTER): State.PRE_REGISTERED,
    (State.PRE_REGISTERED, Command.MATCH): State.PRE_REGISTERED,
}
"""Where a command leads from a state. What is not here is refused."""

OUTCOME_OF: Mapping[Command, Outcome] = {
    Command.PRE_REGISTER: Outcome.PRE_REGISTERED,
    Command.MATCH: Outcome.MATCHED,
}


@dataclass(frozen=True, slots=True)
class Identified:
    """What happened: the person of a referral has a reference."""

    subject_ref: UUID
    version: int
    referral_id: UUID
    outcome: Outcome
    at: datetime


@dataclass(frozen=True, slots=True)
class Erasure:
    """What happened: nothing says who this person is any more."""

    subject_ref: UUID
    version: int
    at: datetime


@dataclass(slots=True)
class Registration:
    """The aggregate. Who the person is stands apart (identity.py), sealed."""

    subject_ref: UUID
    state: State = State.DRAFT
    version: int = 0

    def identify(self, command: Command, referral_id: UUID, at: datetime) -> Identified:
        """Open the file, or recognise the person, because of a referral. Raises IllegalTransition."""
        target = TABLE.get((self.state, command))
        if target is None:
            raise IllegalTransition
        self.state = target
        self.version += 1
        return Identified(self.subject_ref, self.version, referral_id, OUTCOME_OF[command], at)

    def erase(self, at: datetime) -> Erasure:
        """Erase the person, from any state but that one, which is the last. Raises IllegalTransition."""
        if self.state is State.ERASED:
            raise IllegalTransition
        self.state = State.ERASED
        self.version += 1
        return Erasure(self.subject_ref, self.version, at)
