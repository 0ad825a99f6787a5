"""What a changed plan asks of enrolments: which seats to ask for, and which requests to take back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

DROPPED = "dropped"
SETTLED = frozenset({"done", DROPPED})
"""States of an action that asks for no seat. The set is open: any other asks."""


@dataclass(frozen=True, slots=True)
class PlannedTraining:
    """A training action of the plan."""

    action_id: UUID
    session_id: UUID | None
    state: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An enrolment of the accompaniment, open or over."""

    enrolment_id: UUID
    action_id: UUID
    asked_session_id: UUID
    session_id: UUID
    is_open: bool
    planned: bool

    def names(self) -> tuple[tuple[UUID, UUID], ...]:
        """Return under what a plan may mean it: the session asked for, or the one that took its place."""
        return (self.action_id, self.asked_session_id), (self.action_id, self.session_id)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do."""

    withdraw: tuple[UUID, ...]
    """Enrolments, by id."""
    ask: tuple[tuple[UUID, UUID], ...]
    """Actions, with the session that each asks for."""
    named: tuple[UUID, ...]
    """Enrolments that the plan names for the first time."""


def compare(actions: Sequence[PlannedTraining], enrolments: Iterable[Seen]) -> Wanted:
    """Return what a plan wants changed. An enrolment that never was in it is left alone until it is dropped there.

    A seat is asked for once for an action and a session, whatever became of it: to ask again is another action.
    """
    enrolments = tuple(enrolments)
    named = {(action.action_id, action.session_id) for action in actions if action.state != DROPPED}
    dropped = {action.action_id for action in actions if action.state == DROPPED}
    seen = {name for enrolment in enrolments for name in enrolment.names()}
    asking = (
        (action.action_id, action.session_id)
        for action in actions
        if action.session_id is not None and action.state not in SETTLED
    )

    def kept(enrolment: Seen) -> bool:
        if any(name in named for name in enrolment.names()):
            return True
        return not enrolment.planned and enrolment.action_id not in dropped

    return Wanted(
        withdraw=tuple(e.enrolment_id for e in enrolments if e.is_open and not kept(e)),
        ask=tuple(dict.fromkeys(pair for pair in asking if pair not in seen)),
        named=tuple(e.enrolment_id for e in enrolments if not e.planned and any(name in named for name in e.names())),
    )
