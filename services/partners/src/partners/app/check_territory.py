"""Refuse a territory that names places which do not exist, or no longer do."""

from __future__ import annotations

import territory as geography
from partners.domain.errors import InvalidTerritory, Refusal
from partners.domain.organisation import Territory


def check_territory(given: Territory) -> None:
    """Raise InvalidTerritory naming each code at fault by its place, and the successor of a merged commune."""
    refusals = []
    for problem in geography.check_territory(given):
        codes: tuple[str, ...] = getattr(given, problem.field)
        successor = problem.successor
        named = None if successor is None else f"{successor.name} ({successor.code})"
        refusals.append(Refusal(problem.field, codes.index(problem.code), named))
    if refusals:
        raise InvalidTerritory(refusals)
