"""Positions as few ranges: what a statement is told to pass over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

if TYPE_CHECKING:
    Positions: TypeAlias = asyncpg.Range[int]


def ranges_of(positions: Iterable[int]) -> list[Positions]:
    """Return the ranges, in order and apart from one another, that hold these positions and no other."""
    found: list[Positions] = []
    first = after = None
    for position in sorted(positions):
        if position != after:
            if first is not None:
                found.append(asyncpg.Range(first, after))
            first = position
        after = position + 1
    if first is not None:
        found.append(asyncpg.Range(first, after))
    return found
