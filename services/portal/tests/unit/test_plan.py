"""A plan being changed: nothing typed is lost, nothing unread is overwritten, and what is sent is what was shown."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain import plan as plans
from portal.domain.accompaniment import Action, Goal, Plan
from portal.domain.plan import ACTIONS_MAX, GOALS_MAX, ActionRow, PlanDraft, day_of
from portal.domain.plan_compare import differences, gone, says_the_same

THEME = "numerique--acceder-a-des-services-en-ligne"
STEP = Action("action-1", "step", THEME, "Écrire un CV", "person", date(2026, 12, 15), "planned")
PLAN = Plan(3, (Goal("goal-1", "Travailler"),), (STEP,))
RIGHT = {"theme": THEME, "text": "Appeler", "assigned_to": "council", "due_on": "24/11/2026", "state": "planned"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24", date(2026, 11, 24)), ("24/11/2026", date(2026, 11, 24)), ("24 11 2026", date(2026, 11, 24)),
        ("31/02/2026", None), ("24/11", None), ("demain", None), ("", None), ("1/1/999999999999", None),
    ],
)  # fmt: skip
def test_day_is_read_as_fields_send_it_and_as_people_write_it(text: str, expected: date | None) -> None:
    assert day_of(text) == expected


def test_untouched_draft_says_the_same_and_sends_every_id() -> None:
    draft = plans.start(PLAN)
    assert says_the_same(draft, PLAN)
    assert differences(draft, PLAN) == {}
    sent = plans.body(draft, 3, PLAN)
    assert sent["goals"] == [{"goal_id": "goal-1", "text": "Travailler"}]
    assert sent["actions"] == [
        {
            "action_id": "action-1", "kind": "step", "theme": THEME, "text": "Écrire un CV", "assigned_to": "person",
            "due_on": "2026-12-15", "state": "planned", "session_id": None,
        }
    ]  # fmt: skip


def test_new_rows_go_without_an_id_and_empty_goals_do_not_go() -> None:
    draft = plans.add_goal(plans.add_action(plans.start(PLAN), "new", "step"), "empty")
    draft = plans.close(plans.typed(draft, {}, RIGHT, "new"))
    sent = plans.body(draft, 3, PLAN)
    assert len(sent["goals"]) == 1  # type: ignore[arg-type]  # a list in an open body
    assert "action_id" not in sent["actions"][1]  # type: ignore[index]  # a list in an open body
    assert sent["actions"][1]["due_on"] == "2026-11-24"  # type: ignore[index]  # a list in an open body


def test_unfinished_action_stays_open_and_says_what_it_needs_when_another_is_added() -> None:
    draft = plans.add_action(plans.add_action(plans.start(PLAN), "one", "step"), "two", "training")
    assert draft.checked
    assert draft.open == "one"
    assert [fault.field for fault in plans.faults(draft)] == ["text", "theme", "assigned_to"]
    assert [row.key for row in draft.actions] == ["action-1", "one"]


def test_unfinished_action_is_opened_when_the_plan_is_saved() -> None:
    broken = PlanDraft(1, actions=(ActionRow("x", "step", due_on="hier"),))
    ready = plans.ready(broken)
    assert (ready.open, ready.checked) == ("x", True)
    assert "due_on" in [fault.field for fault in plans.faults(ready)]


def test_what_was_typed_comes_back_when_its_row_was_taken_out_meanwhile() -> None:
    typed = {"kind": "training", "text": "Bases", "theme": THEME}
    draft = plans.typed(plans.start(Plan(4, (), ())), {"goal-1": "Travailler", "goal-2": " "}, typed, "action-1")
    assert [(row.key, row.text) for row in draft.goals] == [("goal-1", "Travailler")]
    assert [(row.key, row.kind, row.text) for row in draft.actions] == [("action-1", "training", "Bases")]


def test_double_click_on_adding_opens_one_empty_action() -> None:
    once = plans.add_action(plans.start(PLAN), "a", "step")
    assert plans.add_action(once, "b", "step") == once


def test_second_empty_goal_is_not_added() -> None:
    once = plans.add_goal(plans.start(PLAN), "a")
    assert plans.add_goal(once, "b") == once


def test_what_the_other_side_changed_is_told_and_can_be_taken_over() -> None:
    mine = plans.typed(plans.start(PLAN), {"goal-1": "Dormir mieux"}, {}, "")
    theirs = Plan(4, (Goal("goal-1", "Travailler loin"), Goal("goal-2", "Conduire")), ())
    assert differences(mine, theirs) == {"goal-1": "different", "goal-2": "missing"}
    assert gone(mine, theirs) == {"action-1"}
    taken = plans.take(plans.take(mine, theirs, "goal-2"), theirs, "goal-1")
    assert [row.text for row in taken.goals] == ["Travailler loin", "Conduire"]
    # What they took out and the author keeps goes as a new action: its old id no longer exists.
    assert "action_id" not in plans.body(taken, 4, theirs)["actions"][0]  # type: ignore[index]  # a list


PLACES = st.integers(0, 6)
"""Which row a button is about: one there is, or one that was taken out."""

BUTTONS = st.sampled_from(["goal", "step", "training", "other", "open", "close", "remove", "take", "ready", "type"])


def press(draft: PlanDraft, button: str, key: str, text: str, new: str) -> PlanDraft:
    match button:
        case "goal":
            return plans.add_goal(draft, new)
        case "step" | "training" | "other":
            return plans.add_action(draft, new, button)
        case "open":
            return plans.open_action(draft, key)
        case "close":
            return plans.close(draft)
        case "remove":
            return plans.remove(draft, key)
        case "take":
            return plans.take(draft, PLAN, key)
        case "ready":
            return plans.ready(draft)
    if any(row.key == key for row in draft.goals):
        return plans.typed(draft, {key: text}, {}, "")
    return plans.typed(draft, {}, {"kind": "step", "text": text, "theme": THEME, "assigned_to": "person"}, key)


@given(st.lists(st.tuples(BUTTONS, PLACES, st.text(max_size=30)), max_size=40))
def test_whatever_is_pressed_rows_stay_unique_and_only_what_is_right_can_be_sent(
    presses: list[tuple[str, int, str]],
) -> None:
    draft = plans.start(PLAN)
    keys: list[str] = ["goal-1", "action-1"]
    for n, (button, place, text) in enumerate(presses):
        draft = press(draft, button, [*keys, "taken-out"][place % (len(keys) + 1)], text, f"new-{n}")
        keys = [*(row.key for row in draft.goals), *(row.key for row in draft.actions)]
        assert len(keys) == len(set(keys))
        assert draft.open == "" or draft.opened is not None
        assert bool(draft.open) or not draft.checked
    final = plans.ready(draft)
    if not final.open:
        assert all(not list(plans.action_faults(row)) for row in final.actions)


def test_limits_hold_when_more_rows_are_added() -> None:
    draft = plans.start(Plan(1, tuple(Goal(f"g{n}", "x") for n in range(GOALS_MAX)), ()))
    assert plans.add_goal(draft, "more") == draft
    full = PlanDraft(1, actions=tuple(plans.action_row(STEP) for _ in range(ACTIONS_MAX)))
    assert len(plans.add_action(full, "more", "step").actions) == ACTIONS_MAX
