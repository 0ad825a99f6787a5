"""The shared plan: what the two organisations and the person set out to do, as one whole that is replaced at once.

Whoever changes it says which version they read: a plan that somebody else changed meanwhile is never overwritten. What
goals and actions say in words is never printed: their representations hold no value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from referrals.domain.accompaniment_status import Side
from referrals.domain.errors import InputRefused, PlanChanged

GOALS_MAX = 20
ACTIONS_MAX = 50


class ActionKind(StrEnum):
    STEP = "step"
    TRAINING = "training"
    """Attending a session: asks `training` for a seat once a session is named."""


class Assignee(StrEnum):
    COUNCIL = "council"
    EMPLOYMENT_SERVICE = "employment_service"
    PERSON = "person"


class ActionState(StrEnum):
    PLANNED = "planned"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, repr=False)
class Goal:
    """What is aimed at, in words."""

    goal_id: UUID
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class Action:
    """Who does what by when. `text` is None where nothing was written, or where it was erased."""

    action_id: UUID
    kind: ActionKind
    theme: str
    assigned_to: Assignee
    due_on: date | None
    state: ActionState
    session_id: UUID | None
    text: str | None


@dataclass(frozen=True, slots=True, repr=False)
class GoalAsked:
    """A goal as somebody writes it; without an id it is a new one."""

    goal_id: UUID | None
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class ActionAsked:
    """An action as somebody writes it; without an id it is a new one."""

    action_id: UUID | None
    kind: ActionKind
    theme: str
    assigned_to: Assignee
    due_on: date | None
    state: ActionState
    session_id: UUID | None
    text: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Plan:
    """A version of the plan; version 0 is the empty one that nobody has written yet."""

    version: int = 0
    goals: tuple[Goal, ...] = ()
    actions: tuple[Action, ...] = ()
    changed_at: datetime | None = None
    changed_by: Side | None = None

    def replaced(
        self,
        read_version: int,
        goals: Sequence[GoalAsked],
        actions: Sequence[ActionAsked],
        *,
        new_id: Callable[[], UUID],
    ) -> Plan:
        """Return the plan with this content; itself when nothing differs. Raises PlanChanged or InputRefused."""
        if read_version != self.version:
            raise PlanChanged
        _check(goals, actions)
        _check_ids("goals", "goal_id", [one.goal_id for one in goals], {one.goal_id for one in self.goals})
        _check_ids("actions", "action_id", [one.action_id for one in actions], {one.action_id for one in self.actions})
        kept = tuple(Goal(one.goal_id or new_id(), one.text) for one in goals)
        planned = tuple(_action(one, one.action_id or new_id()) for one in actions)
        if (kept, planned) == (self.goals, self.actions):
            return self
        return replace(self, version=self.version + 1, goals=kept, actions=planned)

    def signed(self, by: Side, at: datetime) -> Plan:
        """Return the plan as changed by a side."""
        return replace(self, changed_by=by, changed_at=at)


def _action(asked: ActionAsked, action_id: UUID) -> Action:
    return Action(
        action_id, asked.kind, asked.theme, asked.assigned_to, asked.due_on, asked.state, asked.session_id, asked.text
    )


def _check(goals: Sequence[GoalAsked], actions: Sequence[ActionAsked]) -> None:
    if len(goals) > GOALS_MAX:
        raise InputRefused("goals", "too_many")
    if len(actions) > ACTIONS_MAX:
        raise InputRefused("actions", "too_many")
    for n, action in enumerate(actions):
        if action.session_id is not None and action.kind is not ActionKind.TRAINING:
            raise InputRefused(f"actions[{n}].session_id", "only_for_training")


def _check_ids(part: str, field: str, asked: Iterable[UUID | None], known: set[UUID]) -> None:
    seen: set[UUID] = set()
    for n, id_ in enumerate(asked):
        if id_ is None:
            continue
        if id_ not in known:
            raise InputRefused(f"{part}[{n}].{field}", "unknown")
        if id_ in seen:
            raise InputRefused(f"{part}[{n}].{field}", "repeated")
        seen.add(id_)
