"""The bodies that concern joint accompaniments. Unknown fields are refused; no message repeats a value."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from data_inclusion.schema.v1 import Thematique  # type: ignore[import-untyped]  # ships no py.typed
from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StringConstraints

from referrals.adapters.http.bodies import Body, OrBlank, iso_date, limited, several_lines
from referrals.domain.accompaniment_status import EndReason
from referrals.domain.plan import ACTIONS_MAX, GOALS_MAX, ActionAsked, ActionKind, ActionState, Assignee, GoalAsked

CODE_CHARACTERS_MAX = 32
PLAN_TEXT_CHARACTERS_MAX = 500
"""A plan full of such texts, escaped, still fits in the largest body accepted."""
SIDE_NOTE_CHARACTERS_MAX = 5000

PlanText = Annotated[str, limited(PLAN_TEXT_CHARACTERS_MAX), AfterValidator(several_lines)]
SideNote = Annotated[str, limited(SIDE_NOTE_CHARACTERS_MAX), AfterValidator(several_lines)]


class ProposalBody(Body):
    """Which employment service is asked, by its code."""

    employment_service: Annotated[str, StringConstraints(min_length=1, max_length=CODE_CHARACTERS_MAX)]


class EndBody(Body):
    """Why one side ends its part."""

    reason: EndReason


class GoalBody(Body):
    """One goal; without an id it is a new one."""

    goal_id: UUID | None = None
    text: PlanText

    def asked(self) -> GoalAsked:
        return GoalAsked(self.goal_id, self.text)


class ActionBody(Body):
    """One action; without an id it is a new one."""

    action_id: UUID | None = None
    kind: ActionKind
    theme: Thematique
    text: Annotated[PlanText | None, OrBlank] = None
    assigned_to: Assignee
    due_on: Annotated[date, BeforeValidator(iso_date)] | None = None
    state: ActionState = ActionState.PLANNED
    session_id: UUID | None = None

    def asked(self) -> ActionAsked:
        return ActionAsked(
            self.action_id, self.kind, self.theme.value, self.assigned_to, self.due_on, self.state, self.session_id,
            self.text,
        )  # fmt: skip


class PlanBody(Body):
    """The whole plan, and the version that was read."""

    version: Annotated[StrictInt, Field(ge=0, le=2**53 - 1)]
    goals: Annotated[list[GoalBody], Field(max_length=GOALS_MAX)]
    actions: Annotated[list[ActionBody], Field(max_length=ACTIONS_MAX)]


class NoteBody(Body):
    """What one side notes for itself; blank removes it."""

    text: Annotated[SideNote | None, OrBlank]
