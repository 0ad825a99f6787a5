"""Organisations as the directory last heard of them: who has jurisdiction, and how parties are called."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from chassis import directory
from chassis.db import Tx
from referrals.adapters.geography import departements_of
from referrals.app.ports import Organisation

# A few hundred councils at most: reading them all is one page or two.
BY_DEPARTEMENT = """
SELECT organisation_id, code, name, phone, postal_address FROM directory_organisations
WHERE kind = 'council' AND territory -> 'departements' @> to_jsonb($1::text)
ORDER BY code, organisation_id LIMIT 1
"""

# Employment services that name the collectivity, or a département whose number means the same. As small as above.
EMPLOYMENT_SERVICES = """
SELECT organisation_id, code, name, phone, postal_address FROM directory_organisations
WHERE kind = 'employment_service'
    AND (collectivities @> ARRAY[$1::text] OR territory -> 'departements' ?| $2::text[])
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
        found = await directory.council_for(self._tx, collectivity)
        if found is not None:
            return _organisation(found)
        for departement in departements_of(collectivity):
            row = await self._tx.fetchrow(BY_DEPARTEMENT, departement)
            if row is not None:
                return Organisation(**dict(row))
        return None

    async def employment_services(self, collectivity: str) -> Sequence[Organisation]:
        """Return the employment services that answer for a collectivity, by code."""
        rows = await self._tx.fetch(EMPLOYMENT_SERVICES, collectivity, list(departements_of(collectivity)))
        return [Organisation(**dict(row)) for row in rows]

    async def named(self, organisation_ids: Collection[UUID]) -> Mapping[UUID, Organisation]:
        """Return those of the organisations that have been heard of, by id."""
        found = await directory.organisations(self._tx, organisation_ids)
        return {organisation_id: _organisation(card) for organisation_id, card in found.items()}


def _organisation(found: directory.Organisation) -> Organisation:
    return Organisation(found.organisation_id, found.code, found.name, found.phone, found.postal_address)
