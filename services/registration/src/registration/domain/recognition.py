"""Whether two referrals describe one person. Name and birth date alone do not say so: two people may share them.

What is compared are contact points, in whatever form they are kept: here they are only equal or not.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

from registration.domain.registration import Registration


class Recognition(StrEnum):
    """What a referral led to."""

    FOUND = "found"
    OPENED = "opened"
    """A file, the only one under its name and birth date."""
    OPENED_BESIDE = "opened_beside"
    """A file beside others under its name and birth date: a namesake's, or one person's twice."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The file that a referral led to, a new draft where none agreed."""

    registration: Registration
    recognition: Recognition


@dataclass(frozen=True, slots=True)
class Namesake:
    """A file under the name and birth date looked for, with the contact points that opened it."""

    registration: Registration
    points: Set[bytes]


def agree(one: Set[bytes], other: Set[bytes]) -> bool:
    """Say whether two descriptions under one name and birth date may be of one person.

    One contact point in common is enough. Where neither has any there is nothing that would tell them apart, and
    nothing that could be sent to the wrong one.
    """
    return not one.isdisjoint(other) or not (one or other)


def recognise(namesakes: Sequence[Namesake], points: Set[bytes]) -> Namesake | None:
    """Return the file that agrees, with the most points in common where several do, the first of those; else None."""
    agreeing = [one for one in namesakes if agree(one.points, points)]
    return max(agreeing, key=lambda one: len(one.points & points), default=None)
