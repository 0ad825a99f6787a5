"""What was typed beside the plan as it is saved: the same, or what is missing, different or gone."""

from __future__ import annotations

from portal.domain.accompaniment import Plan
from portal.domain.draft import clean
from portal.domain.plan import PlanDraft, action_row, keys_of, said, start


def says_the_same(draft: PlanDraft, plan: Plan) -> bool:
    """Tell whether the saved plan already is what was typed, whatever the ids of its rows."""
    other = start(plan)
    return _content(draft) == _content(other)


def _content(draft: PlanDraft) -> tuple[object, ...]:
    goals = tuple(clean(row.text) for row in draft.goals if clean(row.text))
    return goals, tuple(said(row) for row in draft.actions)


def differences(draft: PlanDraft, plan: Plan) -> dict[str, str]:
    """Return, by id, what of the saved plan is `missing` from what was typed or `different` there."""
    goals = {row.key: clean(row.text) for row in draft.goals}
    actions = {row.key: said(row) for row in draft.actions}
    found = {}
    for goal in plan.goals:
        if goal.goal_id not in goals:
            found[goal.goal_id] = "missing"
        elif goals[goal.goal_id] != clean(goal.text):
            found[goal.goal_id] = "different"
    for action in plan.actions:
        if action.action_id not in actions:
            found[action.action_id] = "missing"
        elif actions[action.action_id] != said(action_row(action)):
            found[action.action_id] = "different"
    return found


def gone(draft: PlanDraft, plan: Plan) -> frozenset[str]:
    """Return the keys of typed rows that somebody took out of the saved plan meanwhile."""
    ids = {goal.goal_id for goal in plan.goals} | {action.action_id for action in plan.actions}
    return keys_of(draft.goals, draft.actions) & (draft.known - ids)
