"""Ranges hold the positions that they were made of, and nothing else."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from chassis.ranges import ranges_of


@given(st.sets(st.integers(-50, 50)))
def test_ranges_hold_what_they_were_made_of_and_never_touch(positions: set[int]) -> None:
    bounds = [(one.lower or 0, one.upper or 0) for one in ranges_of(positions)]
    assert [n for lower, upper in bounds for n in range(lower, upper)] == sorted(positions)
    assert all(upper < lower for (_, upper), (lower, _) in itertools.pairwise(bounds))


def test_a_backlog_that_was_taken_whole_is_one_range() -> None:
    assert len(ranges_of(range(6_000))) == 1
