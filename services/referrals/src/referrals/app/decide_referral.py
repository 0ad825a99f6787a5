"""Do what one of the two parties asks of a referral: acknowledge, review, accept, decline, withdraw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from referrals.app.ports import Organisations, Referrals
from referrals.domain.decline import Decline
from referrals.domain.errors import NotFound, OutsideTerritory, WrongParty
from referrals.domain.referral import Referral
from referrals.domain.status import Actor, Command


@dataclass(frozen=True, slots=True)
class DecideReferral:
    """Who asks what of which referral."""

    referral_id: UUID
    organisation_id: UUID
    command: Command
    decline: Decline | None = None


async def decide_referral(
    asked: DecideReferral, *, referrals: Referrals, organisations: Organisations, now: datetime
) -> Referral:
    """Return the referral as changed. Raises NotFound to whoever may not do this, IllegalTransition when too late.

    A council answers within the scope of its readings: OutsideTerritory, a NotFound to be recorded, where the person
    does not live, or no more, in its territory.
    """
    referral = await referrals.lock(asked.referral_id)
    if referral is None:
        raise NotFound
    sides = referral.parties.quality_of(asked.organisation_id)
    if sides == {Actor.RECEIVER} and not await organisations.covered(asked.organisation_id, [referral.commune]):
        raise OutsideTerritory
    try:
        fact = referral.decide(asked.command, sides, now, asked.decline)
    except WrongParty:
        # Somebody else's referral and a referral that does not exist must look the same.
        raise NotFound from None
    await referrals.save(referral, fact)
    return referral
