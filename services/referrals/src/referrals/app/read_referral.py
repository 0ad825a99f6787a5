"""Read one referral in full: for its two parties only, and audited."""

from __future__ import annotations

from uuid import UUID

from referrals.app.ports import Audit, Dossier, Dossiers
from referrals.domain.errors import NotFound


async def read_referral(referral_id: UUID, organisation_id: UUID, *, dossiers: Dossiers, audit: Audit) -> Dossier:
    """Return the dossier, its reading recorded in the same transaction. Raises NotFound for a third organisation."""
    dossier = await dossiers.find(referral_id)
    if dossier is None or not dossier.referral.parties.quality_of(organisation_id):
        raise NotFound
    await audit.read([referral_id])
    return dossier
