"""Tell a service who the persons of some referrals are, for a purpose that it names; calls nobody."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from referrals.app.ports import Audit, Claimed, Dossiers


async def claim_referrals(referral_ids: Sequence[UUID], *, dossiers: Dossiers, audit: Audit) -> Sequence[Claimed]:
    """Return what is known of those that exist, each reading of a person recorded in the same transaction."""
    claimed = await dossiers.claim(referral_ids)
    told = [one.referral_id for one in claimed if one.person is not None]
    if told:
        await audit.read(told)
    return claimed
