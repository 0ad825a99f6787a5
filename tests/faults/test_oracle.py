"""The oracle says what was broken, each invariant by its name, and nothing when nothing was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from tests.faults.oracle import Facts, Said, judge

A, B = UUID(int=0xA), UUID(int=0xB)
ONE, TWO, THREE = Said(UUID(int=1), A, 1), Said(UUID(int=2), A, 2), Said(UUID(int=3), B, 1)
ALL = (ONE, TWO, THREE)


def facts() -> Facts:
    return Facts({one.event_id for one in ALL}, ALL, ALL, ALL)


def test_nothing_is_said_when_all_is_well() -> None:
    assert judge(facts()).broken == set()


def test_repeats_behind_a_first_occurrence_are_allowed_where_something_was_hurt() -> None:
    repeated = replace(facts(), sent=(ONE, TWO, ONE, TWO, THREE))
    assert judge(repeated).broken == set()
    assert judge(replace(repeated, repeats_allowed=False)).broken == {"I1"}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({"sent": (ONE, THREE), "effects": (ONE, THREE)}, {"I1"}),
        ({"committed": (ONE, TWO), "sent": (ONE, TWO), "effects": (ONE, TWO)}, {"I1"}),
        ({"effects": (ONE, TWO, THREE, TWO)}, {"I2"}),
        ({"extra_aggregates": 1}, {"I2"}),
        ({"sent": (TWO, ONE, THREE)}, {"I3"}),
        ({"effects": (TWO, THREE, ONE)}, {"I3"}),
        ({"sent": (*ALL, Said(UUID(int=4), A, 3))}, {"I4"}),
        ({"effects": (ONE, TWO)}, {"I5"}),
        ({"settled": False}, {"I6"}),
        ({"strange": ["HTTP 500"]}, {"answers"}),
    ],
    ids=[
        "not in the topic", "acknowledged and not there", "two effects", "two aggregates", "swapped in the topic",
        "swapped in the effects", "nobody committed it", "no effect", "too late", "an answer nobody should get",
    ],
)  # fmt: skip
def test_each_invariant_is_named(change: dict[str, Any], broken: set[str]) -> None:
    assert judge(replace(facts(), **change)).broken == broken


def test_a_dead_letter_explains_an_event_without_effect() -> None:
    assert judge(replace(facts(), effects=(ONE, TWO), dead={THREE.event_id})).broken == set()
