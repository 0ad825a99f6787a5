"""Cursors: one spelling for one position of one organisation."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.domain.cursor import read_cursor, write_cursor
from partners.domain.errors import BadCursor

OWNER = UUID("01900000-0000-7000-8000-0000000000c1")


@given(st.integers(0, 2**63 - 1), st.uuids())
def test_cursor_reads_back_when_it_is_ones_own(position: int, owner: UUID) -> None:
    assert read_cursor(write_cursor(owner, position), owner) == position


def test_cursor_is_refused_when_it_is_another_organisations() -> None:
    with pytest.raises(BadCursor):
        read_cursor(write_cursor(OWNER, 3), uuid4())


@given(st.text(max_size=60))
def test_cursor_is_refused_when_it_is_anything_else(text: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(text, OWNER)


@given(st.integers(0, 33), st.sampled_from("AZaz09-_=+/ é"))
def test_cursor_is_refused_or_means_another_position_when_a_character_changes(at: int, character: str) -> None:
    cursor = write_cursor(OWNER, 77)
    changed = cursor[:at] + character + cursor[at + 1 :]
    if changed == cursor:
        return
    try:
        position = read_cursor(changed, OWNER)
    except BadCursor:
        return
    assert write_cursor(OWNER, position) == changed
