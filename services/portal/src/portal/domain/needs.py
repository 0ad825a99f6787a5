"""Needs one can tick: the thématiques of data·inclusion, in its own order, grouped by its categories.

The codes come from the published vocabulary and are never copied here; the words shown are in the catalogues.
"""

from __future__ import annotations

from dataclasses import dataclass

from data_inclusion.schema.v1 import Categorie, Thematique  # type: ignore[import-untyped]  # it ships no py.typed

NEEDS_MAX = 5
"""The referrals service accepts one to five: more would say nothing about what comes first."""


@dataclass(frozen=True, slots=True)
class Group:
    """One category and its needs."""

    code: str
    needs: tuple[str, ...]


def _groups() -> tuple[Group, ...]:
    codes = [theme.value for theme in Thematique]
    return tuple(
        Group(category.value, tuple(code for code in codes if code.split("--")[0] == category.value))
        for category in Categorie
    )


GROUPS = _groups()
NEEDS = frozenset(need for group in GROUPS for need in group.needs)
