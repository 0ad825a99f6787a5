"""A plan is replaced as a whole, by whoever read its last version, and never printed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.crypto import SealBroken, Vault
from referrals.adapters.words import actions_of, codes_of, open_note, open_plan, seal_note, seal_plan
from referrals.domain.accompaniment_status import Side
from referrals.domain.errors import InputRefused, PlanChanged
from referrals.domain.plan import ActionAsked, ActionKind, ActionState, Assignee, GoalAsked, Plan

THEME = "numerique--maitriser-les-fondamentaux-du-numerique"
SESSION = UUID(int=0x5E)
ID = UUID(int=0xAC)
CANARY = "Zyxwvut"


def ids() -> Iterator[UUID]:
    n = 0
    while True:
        n += 1
        yield UUID(int=n)


def minted() -> UUID:
    return next(_IDS)


_IDS = ids()


def action(
    action_id: UUID | None = None, *, kind: ActionKind = ActionKind.STEP, session_id: UUID | None = None,
    text: str | None = None,
) -> ActionAsked:  # fmt: skip
    return ActionAsked(
        action_id, kind, THEME, Assignee.PERSON, date(2026, 4, 30), ActionState.PLANNED, session_id, text
    )


def plan() -> Plan:
    goals, actions = [GoalAsked(None, f"{CANARY} goal")], [action(text=f"{CANARY} action"), action()]
    return Plan().replaced(0, goals, actions, new_id=minted)


def test_new_parts_get_ids_and_known_ones_keep_theirs() -> None:
    first = plan()
    assert first.version == 1
    kept = [action(first.actions[1].action_id), action()]
    second = first.replaced(1, [], kept, new_id=minted)
    assert second.version == 2
    assert second.goals == ()
    assert second.actions[0].action_id == first.actions[1].action_id
    assert second.actions[1].action_id not in {one.action_id for one in first.actions}


def test_same_plan_again_changes_nothing() -> None:
    first = plan()
    goals = [GoalAsked(one.goal_id, one.text) for one in first.goals]
    actions = [action(one.action_id, text=one.text) for one in first.actions]
    assert first.replaced(1, goals, actions, new_id=minted) is first


@given(st.integers(0, 5).filter(lambda version: version != 1))
def test_version_that_is_not_the_last_is_refused(version: int) -> None:
    with pytest.raises(PlanChanged):
        plan().replaced(version, [], [], new_id=minted)


def test_rules_name_the_field_at_fault() -> None:
    first = plan()
    twice = first.actions[0].action_id
    cases: list[tuple[str, list[GoalAsked], list[ActionAsked]]] = [
        ("goals", [GoalAsked(None, "x")] * 21, []),
        ("actions", [], [action()] * 51),
        ("actions[1].session_id", [], [action(), action(session_id=SESSION)]),
        ("goals[0].goal_id", [GoalAsked(UUID(int=0xBAD), "x")], []),
        ("actions[0].action_id", [], [action(UUID(int=0xBAD))]),
        ("actions[1].action_id", [], [action(twice), action(twice)]),
    ]
    for field, goals, actions in cases:
        with pytest.raises(InputRefused) as refused:
            first.replaced(1, goals, actions, new_id=minted)
        assert refused.value.field == field
    training = action(kind=ActionKind.TRAINING, session_id=SESSION)
    assert first.replaced(1, [], [training], new_id=minted).actions[0].session_id == SESSION


def test_words_and_codes_are_kept_apart_and_come_back_together() -> None:
    vault = Vault(bytes(range(32)))
    key, first = vault.new_person_key(), plan()
    sealed, codes = seal_plan(vault, key, ID, first), codes_of(first)
    assert CANARY not in codes
    words = open_plan(vault, key, ID, sealed)
    assert (words.goals, actions_of(codes, words.texts)) == (first.goals, first.actions)
    assert [one.text for one in actions_of(codes, {})] == [None, None]


def test_note_of_one_side_does_not_open_as_the_others() -> None:
    vault = Vault(bytes(range(32)))
    key = vault.new_person_key()
    sealed = seal_note(vault, key, ID, Side.COUNCIL, CANARY)
    assert open_note(vault, key, ID, Side.COUNCIL, sealed) == CANARY
    with pytest.raises(SealBroken):
        open_note(vault, key, ID, Side.EMPLOYMENT_SERVICE, sealed)


def test_plan_is_never_printed() -> None:
    first = plan().signed(Side.COUNCIL, datetime(2026, 3, 2, tzinfo=UTC))
    asked = GoalAsked(None, CANARY)
    assert CANARY not in f"{first!r} {first} {first.goals[0]!r} {first.actions[0]!r} {asked!r} {action(text=CANARY)!r}"
