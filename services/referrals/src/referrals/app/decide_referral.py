"""Do what one of the two parties asks of a referral: acknowledge, review, accept, decline, withdraw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from referrals.app.ports import Referrals
from referrals.domain.decline import Decline
from referrals.domain.errors import NotFound, WrongParty
from referrals.domain.referral import Referral
from referrals.domain.status import Command


@dataclass(frozen=True, slots=True)
class DecideReferral:
    """Who asks what of which referral."""

    referral_id: UUID
    organisation_id: UUID
    command: Command
    decline: Decline | None = None


async def decide_referral(asked: DecideReferral, *, referrals: Referrals, now: datetime) -> Referral:
    """Return the referral as changed. Raises NotFound to whoever may not do this, IllegalTransition when too late."""
    referral = await referrals.lock(asked.referral_id)
    if referral is None:
        raise NotFound
    try:
        fact = referral.decide(asked.command, referral.parties.quality_of(asked.organisation_id), now, asked.decline)
    except WrongParty:
        # Somebody else's referral and a referral that does not exist must look the same.
        raise NotFound from None
    await referrals.save(referral, fact)
    return referral
