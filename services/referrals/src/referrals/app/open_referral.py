"""Tell, once, that somebody at the receiver opened a referral: the proof of reading that its referrer waits for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from referrals.app.ports import Referrals


async def open_referral(referral_id: UUID, organisation_id: UUID, *, referrals: Referrals, now: datetime) -> None:
    """Note the opening where this organisation was asked and it is the first; anything else changes nothing.

    Only the first opening locks the referral: two at the same time are told once.
    """
    if not await referrals.unread_by(referral_id, organisation_id):
        return
    referral = await referrals.lock(referral_id)
    fact = None if referral is None else referral.open(now)
    if referral is not None and fact is not None:
        await referrals.save_opened(referral, fact)
