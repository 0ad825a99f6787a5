"""Say that the person of a referral lives elsewhere: whoever has jurisdiction there is asked from now on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from referrals.app.ports import MovingReferrals, Organisations, Places
from referrals.domain.errors import CouncilNotJoined, NotFound, OutsideTerritory
from referrals.domain.referral import Referral
from referrals.domain.sandbox import Simulated
from referrals.domain.status import Actor


@dataclass(frozen=True, slots=True)
class MovePerson:
    """Who says of which referral where its person lives now, and on which sides they may say anything."""

    referral_id: UUID
    organisation_id: UUID
    sides: frozenset[Actor]
    commune: str


async def move_person(
    asked: MovePerson, *, places: Places, organisations: Organisations, referrals: MovingReferrals, now: datetime
) -> Referral:
    """Return the referral as it is now. Raises what a command and what a submission raise, and SameCommune.

    The receiver stays where it has jurisdiction there too; nothing changes where nobody there takes part. A council in
    whose territory the person does not live, or no more, may send them to another council, and not to itself:
    OutsideTerritory, because it would read from then on whom it may not read.
    """
    referral = await referrals.lock(asked.referral_id)
    if referral is None:
        raise NotFound
    sides = referral.parties.quality_of(asked.organisation_id) & asked.sides
    if not sides:
        # Somebody else's referral and a referral that does not exist must look the same.
        raise NotFound
    place = places.find(asked.commune)
    referral.check_move(place.code, sides)
    await referrals.check_person(referral.referral_id)
    authority = places.authority_over(place.code)
    council = await organisations.council_for(authority.code, place.code, sandbox=referral.sandbox)
    if council is None:
        raise CouncilNotJoined(authority.name)
    to_itself = council.organisation_id == asked.organisation_id and sides == {Actor.RECEIVER}
    if to_itself and not await organisations.covered(asked.organisation_id, [referral.commune]):
        raise OutsideTerritory
    simulated = None if council.simulated is None else Simulated(council.simulated)
    fact = referral.move(place.code, council.organisation_id, sides, now, simulated)
    await referrals.save_move(referral, fact)
    return referral
