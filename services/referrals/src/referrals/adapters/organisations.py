"""Organisations as the directory last heard of them: who has jurisdiction, and how parties are called."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from chassis import directory
from chassis.db import Tx
from referrals.adapters.geography import departements_of
from referrals.app.ports import Organisation

# A few hundred of a kind at most: reading them all is one page or two.
BY_DEPARTEMENT = """
SELECT organisation_id, code, name, phone, postal_address FROM directory_organisations
WHERE kind = $1 AND territory -> 'departements' ?| $2::text[]
ORDER BY code, organisation_id
"""


class DirectoryOrganisations:
    """The `Organisations` port inside one transaction.

    An organisation is found by the collectivity that it names in its territory, else by the département, where that
    means the same: it may have joined under either.
    """

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def council_for(self, collectivity: str) -> Organisation | None:
        """Return the council that answers for a collectivity, or None when it has not joined."""
        found = await self.council_by_collectivity(collectivity)
        if found is not None:
            return found[0]
        return next(iter(await self._by_departement("council", collectivity)), None)

    async def council_by_collectivity(self, collectivity: str) -> tuple[Organisation, int] | None:
        """Return the council that names the collectivity itself, and the version of what is known of it."""
        found = await directory.council_for(self._tx, collectivity)
        return None if found is None else (_organisation(found), found.version)

    async def employment_services(self, collectivity: str) -> Sequence[Organisation]:
        """Return the employment services that answer for a collectivity, by code."""
        found = {
            one.organisation_id: _organisation(one)
            for one in await directory.answering(self._tx, "employment_service", collectivity)
        }
        found |= {one.organisation_id: one for one in await self._by_departement("employment_service", collectivity)}
        return sorted(found.values(), key=lambda one: one.code)

    async def _by_departement(self, kind: str, collectivity: str) -> list[Organisation]:
        rows = await self._tx.fetch(BY_DEPARTEMENT, kind, list(departements_of(collectivity)))
        return [Organisation(**dict(row)) for row in rows]

    async def named(self, organisation_ids: Collection[UUID]) -> Mapping[UUID, Organisation]:
        """Return those of the organisations that have been heard of, by id."""
        found = await directory.organisations(self._tx, organisation_ids)
        return {organisation_id: _organisation(card) for organisation_id, card in found.items()}


def _organisation(found: directory.Organisation) -> Organisation:
    return Organisation(found.organisation_id, found.code, found.name, found.phone, found.postal_address)
