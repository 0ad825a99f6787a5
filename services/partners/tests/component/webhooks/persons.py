"""A referral whose person is known, and their erasure."""

from __future__ import annotations

import json
from typing import Any, TypeAlias
from uuid import UUID

from chassis.records import Source
from chassis.testing.events import example, source_of_event
from maillage_contracts import PersonErased, PersonIdentified

World: TypeAlias = Any
"""conftest.World: test folders are no packages."""


def of_person(world: World, person: UUID) -> list[Source]:
    """Return a referral's events and whose it is."""
    first, *others = world.referral()
    submitted = json.loads(first.value)
    identified = example(
        PersonIdentified, subject_ref=person, referral_id=submitted["referral_id"], routing=submitted["routing"]
    )
    return [first, source_of_event(identified), *others]


def erasure_of(person: UUID) -> Source:
    return source_of_event(example(PersonErased, subject_ref=person))
