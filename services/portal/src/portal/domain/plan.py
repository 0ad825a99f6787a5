"""A shared plan being changed: what was typed, exactly as typed, and what it is based on.

Rows have keys of their own, so that two tabs, a reload or a stale button change the row they mean or none. One action
at a time is open; the others are as they will be sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from portal.domain.accompaniment import KINDS, Action, Goal, Plan
from portal.domain.draft import TYPED_CHARS_MAX, Fault, clean

GOALS_MAX = 20
ACTIONS_MAX = 50
TEXT_CHARS_MAX = 500
"""Of a goal or an action: what fits a line of the plan that a person reads."""

FIELDS = ("theme", "text", "assigned_to", "due_on", "state", "session_id")


@dataclass(frozen=True, slots=True)
class GoalRow:
    key: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class ActionRow:
    """An action as typed; `due_on` is whatever was written for a day."""

    key: str
    kind: str
    theme: str = ""
    text: str = ""
    assigned_to: str = ""
    due_on: str = ""
    state: str = "planned"
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """`based_on` is the version these rows were made from, `known` its keys; `open` is the action being written."""

    based_on: int
    goals: tuple[GoalRow, ...] = ()
    actions: tuple[ActionRow, ...] = ()
    open: str = ""
    checked: bool = False
    known: frozenset[str] = frozenset()

    @property
    def opened(self) -> ActionRow | None:
        return next((row for row in self.actions if row.key == self.open), None)


def start(plan: Plan) -> PlanDraft:
    """Return the draft of somebody who has typed nothing yet."""
    goals, actions = tuple(map(goal_row, plan.goals)), tuple(map(action_row, plan.actions))
    return PlanDraft(plan.version, goals, actions, known=keys_of(goals, actions))


def keys_of(goals: Iterable[GoalRow], actions: Iterable[ActionRow]) -> frozenset[str]:
    return frozenset({row.key for row in goals} | {row.key for row in actions})


def goal_row(goal: Goal) -> GoalRow:
    return GoalRow(goal.goal_id, goal.text)


def action_row(action: Action) -> ActionRow:
    due = action.due_on.isoformat() if action.due_on else ""
    return ActionRow(
        action.action_id, action.kind, action.theme, action.text, action.assigned_to, due, action.state,
        action.session_id,
    )  # fmt: skip


def typed(draft: PlanDraft, goals: Mapping[str, str], action: Mapping[str, str], key: str) -> PlanDraft:
    """Return the draft with what the form says of its goals and of the one action it shows.

    A row that the draft does not hold, because another tab or the other side took it out, comes back: it was typed.
    """
    held, texts = {row.key for row in draft.goals}, {one: text[:TYPED_CHARS_MAX] for one, text in goals.items()}
    kept = tuple(replace(row, text=texts.get(row.key, row.text)) for row in draft.goals)
    back = tuple(GoalRow(one, text) for one, text in texts.items() if one not in held and clean(text))
    values = {name: action[name][:TYPED_CHARS_MAX] for name in FIELDS if name in action}
    rows = draft.actions
    if key and values and all(row.key != key for row in rows) and len(rows) < ACTIONS_MAX:
        rows = (*rows, ActionRow(key, action["kind"] if action.get("kind") in KINDS else KINDS[0]))
    rows = tuple(replace(row, **values) if row.key == key else row for row in rows)
    return replace(draft, goals=(*kept, *back)[:GOALS_MAX], actions=rows)


def add_goal(draft: PlanDraft, key: str) -> PlanDraft:
    """Add an empty goal at the end, unless one stands there already."""
    if len(draft.goals) >= GOALS_MAX or (draft.goals and not clean(draft.goals[-1].text)):
        return draft
    return replace(draft, goals=(*draft.goals, GoalRow(key)))


def add_action(draft: PlanDraft, key: str, kind: str) -> PlanDraft:
    """Add an action and open it, once the open one is right; one still empty, as after a double click, serves."""
    if draft.opened == ActionRow(draft.open, kind):
        return draft
    closed = close(draft)
    if closed.open or len(closed.actions) >= ACTIONS_MAX or kind not in KINDS:
        return closed
    return replace(closed, actions=(*closed.actions, ActionRow(key, kind)), open=key)


def open_action(draft: PlanDraft, key: str) -> PlanDraft:
    """Open another action, once the open one is right."""
    closed = close(draft)
    if closed.open or all(row.key != key for row in closed.actions):
        return closed
    return replace(closed, open=key)


def close(draft: PlanDraft) -> PlanDraft:
    """Close the open action, or keep it open and say what is missing."""
    row = draft.opened
    if row is None or not any(action_faults(row)):
        return replace(draft, open="", checked=False)
    return replace(draft, checked=True)


def remove(draft: PlanDraft, key: str) -> PlanDraft:
    """Take a goal or an action out."""
    opened = "" if draft.open == key else draft.open
    return replace(
        draft,
        goals=tuple(row for row in draft.goals if row.key != key),
        actions=tuple(row for row in draft.actions if row.key != key),
        open=opened,
        checked=draft.checked and bool(opened),
    )


def take(draft: PlanDraft, plan: Plan, key: str) -> PlanDraft:
    """Take one goal or action over from the saved plan, in the place of the one with the same key."""
    for goal in plan.goals:
        if goal.goal_id == key:
            return replace(draft, goals=_with(draft.goals, goal_row(goal))[:GOALS_MAX])
    for action in plan.actions:
        if action.action_id == key:
            rows = _with(draft.actions, action_row(action))[:ACTIONS_MAX]
            return replace(draft, actions=rows, open="" if draft.open == key else draft.open, checked=False)
    return draft


Row = TypeVar("Row", GoalRow, ActionRow)


def _with(rows: tuple[Row, ...], row: Row) -> tuple[Row, ...]:
    kept = list(rows)
    at = next((n for n, one in enumerate(kept) if one.key == row.key), len(kept))
    kept[at : at + 1] = [row]
    return tuple(kept)


def day_of(text: str) -> date | None:
    """Read a day as a date field sends it, `2026-11-24`, or as people write it, `24/11/2026`."""
    numbers = re.findall(r"[0-9]+", text)
    if len(numbers) != 3:
        return None
    year, month, day = numbers if len(numbers[0]) == 4 else reversed(numbers)
    try:
        return date(int(year), int(month), int(day))
    except (ValueError, OverflowError):
        return None


def faults(draft: PlanDraft) -> tuple[Fault, ...]:
    """Return what is wrong, in the order of the page: goals, then the open action once it was checked."""
    found = [Fault(f"but-{row.key}", "fault.goal.long") for row in draft.goals if len(clean(row.text)) > TEXT_CHARS_MAX]
    if draft.checked and draft.opened is not None:
        found += action_faults(draft.opened)
    return tuple(found)


def action_faults(row: ActionRow) -> Iterable[Fault]:
    """Return what an action still needs before it can be part of a plan."""
    text = clean(row.text)
    if row.kind == "step" and not text:
        yield Fault("text", "fault.action.text")
    if len(text) > TEXT_CHARS_MAX:
        yield Fault("text", "fault.action.long")
    if not row.theme:
        yield Fault("theme", "fault.action.session" if row.kind == "training" else "fault.action.theme")
    if not row.assigned_to:
        yield Fault("assigned_to", "fault.action.who")
    if row.due_on.strip() and day_of(row.due_on) is None:
        yield Fault("due_on", "fault.action.day")


def ready(draft: PlanDraft) -> PlanDraft:
    """Return the draft with everything checked; it can be sent when nothing is open and no fault is found.

    An action that is not right is opened, so that the page shows what it needs.
    """
    closed = close(draft)
    if closed.open:
        return closed
    wrong = next((row for row in closed.actions if any(action_faults(row))), None)
    return closed if wrong is None else replace(closed, open=wrong.key, checked=True)


def body(draft: PlanDraft, version: int, plan: Plan) -> dict[str, object]:
    """Return the body of `PUT …/plan`; rows that the saved plan does not hold go without an id."""
    ids = {goal.goal_id for goal in plan.goals} | {action.action_id for action in plan.actions}
    goals = [
        {**({"goal_id": row.key} if row.key in ids else {}), "text": clean(row.text)}
        for row in draft.goals if clean(row.text)
    ]  # fmt: skip
    return {"version": version, "goals": goals, "actions": [_action_body(row, ids) for row in draft.actions]}


def _action_body(row: ActionRow, ids: set[str]) -> dict[str, object]:
    due = day_of(row.due_on)
    sent: dict[str, object] = {
        "kind": row.kind, "theme": row.theme, "text": clean(row.text) or None, "assigned_to": row.assigned_to,
        "due_on": due.isoformat() if due else None, "state": row.state,
        "session_id": row.session_id or None if row.kind == "training" else None,
    }  # fmt: skip
    return {"action_id": row.key, **sent} if row.key in ids else sent
