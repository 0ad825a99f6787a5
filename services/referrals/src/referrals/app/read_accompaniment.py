"""Read one joint accompaniment in full: for its two organisations only, each with its own note, and audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from referrals.app.accompaniment_ports import JointDossier, JointDossiers, known_to
from referrals.app.ports import Audit, Organisation, Organisations
from referrals.domain.accompaniment_status import Side
from referrals.domain.errors import NotFound


async def read_accompaniment(
    accompaniment_id: UUID,
    organisation_id: UUID,
    *,
    dossiers: JointDossiers,
    organisations: Organisations,
    audit: Audit,
) -> tuple[JointDossier, Mapping[UUID, Organisation]] | None:
    """Return the accompaniment and the organisations it names, the reading being recorded. Raises NotFound.

    None, once that is recorded, to a council in whose territory the person is not, or no more.
    """
    found = await dossiers.find(accompaniment_id, organisation_id)
    if found is None:
        raise NotFound
    accompaniment = found.accompaniment
    if found.side is Side.COUNCIL and not await organisations.covered(organisation_id, [accompaniment.commune]):
        await audit.refuse([accompaniment_id])
        return None
    parties = await organisations.named({accompaniment.parties.receiver_id, accompaniment.employment_id})
    await audit.read([accompaniment_id])
    return replace(found, person=known_to(accompaniment, found.side, found.person)), parties
