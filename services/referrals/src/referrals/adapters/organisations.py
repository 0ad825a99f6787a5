"""Organisations as the directory last heard of them: who has jurisdiction, and how parties are called."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import territory
from chassis import directory
from chassis.db import Tx
from maillage_contracts.sandbox import SIMULATORS, simulator
from referrals.adapters.geography import departements_of
from referrals.app.ports import Organisation

# A few hundred of a kind at most: reading them all is one page or two.
BY_DEPARTEMENT = """
SELECT organisation_id, code, name, phone, postal_address FROM directory_organisations
WHERE kind = $1 AND territory -> 'departements' ?| $2::text[] AND sandbox = $3
ORDER BY code, organisation_id
"""
# directory_organisations_code. Only of the sandbox: whoever else has such a code is not answered for.
SIMULATED = """
SELECT organisation_id, code, name, phone, postal_address FROM directory_organisations
WHERE code = ANY ($1::text[]) AND sandbox ORDER BY code
"""


class DirectoryOrganisations:
    """The `Organisations` port inside one transaction.

    An organisation is found by the collectivity that it names in its territory, else by the département, where that
    means the same: it may have joined under either.
    """

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def council_for(self, collectivity: str, commune: str, *, sandbox: bool) -> Organisation | None:
        """Return the council of one world for a commune, or None when it has not joined; a simulator has its own."""
        if sandbox:
            codes = [one.code for one in SIMULATORS if one.commune == commune]
            for simulated in await self._simulators(codes):
                return simulated
            for found in await directory.answering(self._tx, "council", collectivity, sandbox=True):
                return _organisation(found)
        else:
            known = await self.council_by_collectivity(collectivity)
            if known is not None:
                return known[0]
        return next(iter(await self._by_departement("council", collectivity, sandbox=sandbox)), None)

    async def council_by_collectivity(self, collectivity: str) -> tuple[Organisation, int] | None:
        """Return the real council that names the collectivity itself, and the version of what is known of it."""
        found = await directory.council_for(self._tx, collectivity)
        return None if found is None else (_organisation(found), found.version)

    async def employment_services(self, collectivity: str, *, sandbox: bool) -> Sequence[Organisation]:
        """Return those of one world that answer for a collectivity, by code; simulators answer everywhere."""
        found = {
            one.organisation_id: _organisation(one)
            for one in await directory.answering(self._tx, "employment_service", collectivity, sandbox=sandbox)
        }
        others = await self._by_departement("employment_service", collectivity, sandbox=sandbox)
        if sandbox:
            others += await self._simulators([one.code for one in SIMULATORS if one.kind == "employment_service"])
        found |= {one.organisation_id: one for one in others}
        return sorted(found.values(), key=lambda one: one.code)

    async def _by_departement(self, kind: str, collectivity: str, *, sandbox: bool) -> list[Organisation]:
        rows = await self._tx.fetch(BY_DEPARTEMENT, kind, list(departements_of(collectivity)), sandbox)
        return [Organisation(**dict(row)) for row in rows]

    async def _simulators(self, codes: Sequence[str]) -> list[Organisation]:
        rows = await self._tx.fetch(SIMULATED, list(codes))
        known = [(row, simulator(row["code"])) for row in rows]
        return [Organisation(**dict(row), simulated=one.behaviour) for row, one in known if one is not None]

    async def covered(self, council_id: UUID, communes: Collection[str]) -> frozenset[str]:
        """Return those of the communes that are in a council's territory: where it may learn who somebody is."""
        found = await directory.organisation(self._tx, council_id)
        if found is None:
            return frozenset()
        return territory.covered(found.territory, communes)

    async def named(self, organisation_ids: Collection[UUID]) -> Mapping[UUID, Organisation]:
        """Return those of the organisations that have been heard of, by id."""
        found = await directory.organisations(self._tx, organisation_ids)
        return {organisation_id: _organisation(card) for organisation_id, card in found.items()}


def _organisation(found: directory.Organisation) -> Organisation:
    return Organisation(found.organisation_id, found.code, found.name, found.phone, found.postal_address)
