"""Where a council reads and goes on: within its territory, as everywhere."""

from __future__ import annotations

from uuid import UUID

from training.app.ports import Organisations
from training.domain.accompaniment import Accompaniment
from training.domain.status import Actor, Command

PARTINGS = (Command.WITHDRAWAL, Command.REFUSAL_BY_PERSON, Command.REFUSAL_BY_THIRD_PARTY)
"""Of these a council is capable although the person lives outside its territory, or no more within it."""


async def is_within(
    accompaniment: Accompaniment, by: frozenset[Actor], organisation_id: UUID, organisations: Organisations
) -> bool:
    """Say whether whoever acts in these qualities may know of it: anybody but a council of somebody from elsewhere."""
    return by != {Actor.COUNCIL} or bool(await organisations.covered(organisation_id, [accompaniment.commune]))
