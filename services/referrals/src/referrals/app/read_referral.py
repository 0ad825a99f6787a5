"""Read one referral in full: for its two parties only, and audited."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from referrals.app.ports import Audit, Dossier, Dossiers, Organisation, Organisations
from referrals.domain.errors import NotFound
from referrals.domain.referral import parties_of


async def read_referral(
    referral_id: UUID, organisation_id: UUID, *, dossiers: Dossiers, organisations: Organisations, audit: Audit
) -> tuple[Dossier, Mapping[UUID, Organisation]]:
    """Return the dossier and its parties, the reading being recorded. Raises NotFound for a third organisation."""
    dossier = await dossiers.find(referral_id)
    if dossier is None or not dossier.referral.parties.quality_of(organisation_id):
        raise NotFound
    parties = await organisations.named(parties_of([dossier.referral]))
    await audit.read([referral_id])
    return dossier, parties
