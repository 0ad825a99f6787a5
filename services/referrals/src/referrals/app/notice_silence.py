"""Mark a referral overdue, then expired, when nobody has answered it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from referrals.app.ports import Referrals
from referrals.domain.errors import IllegalTransition, NotDue
from referrals.domain.status import Command


async def notice_silence(referral_id: UUID, command: Command, *, referrals: Referrals, now: datetime) -> bool:
    """Return whether the referral changed; one that was answered meanwhile, or marked already, stays as it is."""
    referral = await referrals.lock(referral_id)
    if referral is None:
        return False
    try:
        fact = referral.notice_silence(command, now)
    except (IllegalTransition, NotDue):
        return False
    await referrals.save(referral, fact)
    return True
