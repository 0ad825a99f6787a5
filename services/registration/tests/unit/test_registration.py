"""Whatever is asked of a registration, in whatever state: the table is followed, or nothing changes."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration.domain.errors import IllegalTransition
from registration.domain.registration import OUTCOME_OF, TABLE, Command, Erasure, Registration, State

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@given(st.sampled_from(State), st.lists(st.sampled_from(Command), max_size=6))
def test_every_command_follows_the_table_or_changes_nothing(state: State, commands: list[Command]) -> None:
    registration = Registration(UUID(int=1), state, 3)
    for command in commands:
        before = deepcopy(registration)
        target = TABLE.get((before.state, command))
        if target is None:
            with pytest.raises(IllegalTransition):
                registration.identify(command, UUID(int=2), AT)
            assert registration == before
        else:
            fact = registration.identify(command, UUID(int=2), AT)
            assert (registration.state, registration.version) == (target, before.version + 1)
            assert (fact.version, fact.outcome) == (registration.version, OUTCOME_OF[command])


def test_erased_person_is_never_matched() -> None:
    with pytest.raises(IllegalTransition):
        Registration(UUID(int=1), State.ERASED, 3).identify(Command.MATCH, UUID(int=2), AT)


@given(st.sampled_from([state for state in State if state is not State.ERASED]))
def test_person_is_erased_once_from_any_state(state: State) -> None:
    registration = Registration(UUID(int=1), state, 3)
    assert registration.erase(AT) == Erasure(UUID(int=1), 4, AT)
    before = deepcopy(registration)
    with pytest.raises(IllegalTransition):
        registration.erase(AT)
    assert registration == before
