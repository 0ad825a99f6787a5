"""Tell, once, that somebody at the receiver opened a referral: the proof of reading that its referrer waits for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from referrals.app.ports import Organisations, Referrals


async def open_referral(
    referral_id: UUID, organisation_id: UUID, *, referrals: Referrals, organisations: Organisations, now: datetime
) -> bool:
    """Note the opening where this organisation was asked, may read it and is the first; return whether it was noted.

    A reading never waits for it: while a command, or another first reading, holds the referral, this one is not told,
    and the next one is unless that was the first or the answer.
    """
    referral = await referrals.lock_unread(referral_id, organisation_id)
    if referral is None or not await organisations.covered(organisation_id, [referral.commune]):
        return False
    fact = referral.open(now)
    if fact is None:
        return False
    await referrals.save_opened(referral, fact)
    return True
