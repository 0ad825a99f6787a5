"""Organisations as the directory last heard of them: how they are called."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

import territory
from chassis import directory
from chassis.db import Tx
from training.app.ports import Organisation


class DirectoryOrganisations:
    """The `Organisations` port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def named(self, organisation_ids: Collection[UUID]) -> Mapping[UUID, Organisation]:
        """Return those of the organisations that have been heard of, by id."""
        found = await directory.organisations(self._tx, organisation_ids)
        return {id_: Organisation(card.organisation_id, card.code, card.name) for id_, card in found.items()}

    async def covered(self, council_id: UUID, communes: Collection[str]) -> frozenset[str]:
        """Return those of the communes that are in a council's territory, as last heard of."""
        found = await directory.organisation(self._tx, council_id)
        return frozenset() if found is None else territory.covered(found.territory, communes)
