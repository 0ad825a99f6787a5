"""The organisations that take part, from this service's own copy of the directory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from chassis import directory
from chassis.db import Tx
from notifications.app.ports import Organisation


class DirectoryOrganisations:
    """The `Organisations` port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def named(self, organisation_ids: Collection[UUID]) -> Mapping[UUID, Organisation]:
        """Return those that have been heard of, with their public contact."""
        found = await directory.organisations(self._tx, organisation_ids)
        return {
            id_: Organisation(id_, known.name, known.phone, known.postal_address, known.email, known.sandbox)
            for id_, known in found.items()
        }
