"""What is said in words about one accompaniment, sealed with its key and tied to its place: plan, and each side's note.

The side is part of a note's place: the ciphertext of one side does not open as the other's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from chassis.crypto import Vault, WrappedKey
from referrals.domain.accompaniment_status import Side
from referrals.domain.plan import Action, ActionKind, ActionState, Assignee, Goal, Plan


@dataclass(frozen=True, slots=True, repr=False)
class PlanWords:
    """Goals, and the texts of actions by id. Empty once erased."""

    goals: tuple[Goal, ...] = ()
    texts: Mapping[UUID, str] = field(default_factory=dict)


def seal_plan(vault: Vault, key: WrappedKey, accompaniment_id: UUID, plan: Plan) -> bytes:
    """Seal a plan's words; its codes stay outside (`codes_of`)."""
    words = {
        "goals": [[str(goal.goal_id), goal.text] for goal in plan.goals],
        "texts": {str(action.action_id): action.text for action in plan.actions if action.text is not None},
    }
    text = json.dumps(words, ensure_ascii=False)
    return vault.seal(key, text.encode(), context=_plan_place(accompaniment_id))


def open_plan(vault: Vault, key: WrappedKey, accompaniment_id: UUID, sealed: bytes) -> PlanWords:
    """Open what `seal_plan` sealed for this accompaniment."""
    words = json.loads(vault.open(key, sealed, context=_plan_place(accompaniment_id)))
    return PlanWords(
        tuple(Goal(UUID(goal_id), text) for goal_id, text in words["goals"]),
        {UUID(action_id): text for action_id, text in words["texts"].items()},
    )


def seal_note(vault: Vault, key: WrappedKey, accompaniment_id: UUID, side: Side, text: str) -> bytes:
    """Seal one side's note."""
    return vault.seal(key, text.encode(), context=_note_place(accompaniment_id, side))


def open_note(vault: Vault, key: WrappedKey, accompaniment_id: UUID, side: Side, sealed: bytes) -> str:
    """Open one side's note; another side's does not open."""
    return vault.open(key, sealed, context=_note_place(accompaniment_id, side)).decode()


def codes_of(plan: Plan) -> str:
    """Return a plan's actions without their words, as JSON."""
    return json.dumps(
        [
            {
                "action_id": str(action.action_id),
                "kind": action.kind,
                "theme": action.theme,
                "assigned_to": action.assigned_to,
                "due_on": None if action.due_on is None else action.due_on.isoformat(),
                "state": action.state,
                "session_id": None if action.session_id is None else str(action.session_id),
            }
            for action in plan.actions
        ]
    )


def actions_of(codes: str, texts: Mapping[UUID, str]) -> tuple[Action, ...]:
    """Return the actions that `codes_of` wrote, with their words where they are known."""
    return tuple(_action(one, texts) for one in json.loads(codes))


def _action(codes: Mapping[str, Any], texts: Mapping[UUID, str]) -> Action:
    action_id = UUID(codes["action_id"])
    return Action(
        action_id=action_id,
        kind=ActionKind(codes["kind"]),
        theme=codes["theme"],
        assigned_to=Assignee(codes["assigned_to"]),
        due_on=None if codes["due_on"] is None else date.fromisoformat(codes["due_on"]),
        state=ActionState(codes["state"]),
        session_id=None if codes["session_id"] is None else UUID(codes["session_id"]),
        text=texts.get(action_id),
    )


def _plan_place(accompaniment_id: UUID) -> str:
    return f"referrals.plan_words:{accompaniment_id}:words"


def _note_place(accompaniment_id: UUID, side: Side) -> str:
    return f"referrals.accompaniment_notes:{accompaniment_id}:{side}"
