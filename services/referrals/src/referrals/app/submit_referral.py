"""Submit a referral: find the council that has jurisdiction, and ask it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from referrals.app.ports import Councils, NewReferrals, Organisation, Place, Places
from referrals.domain.errors import CouncilNotJoined
from referrals.domain.person import Told
from referrals.domain.referral import Parties, Referral
from referrals.domain.sandbox import Simulated, check_fake
from referrals.domain.status import Actor


@dataclass(frozen=True, slots=True, repr=False)
class SubmitReferral:
    """What an organisation asks. Never printed: it holds what was typed about a person."""

    referrer_id: UUID
    referrer_kind: str
    commune: str
    themes: tuple[str, ...]
    told: Told
    sandbox: bool = False
    """Whether the referrer belongs to the sandbox."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The referral, and who was asked."""

    referral: Referral
    place: Place
    council: Organisation


async def submit_referral(
    command: SubmitReferral,
    *,
    places: Places,
    organisations: Councils,
    referrals: NewReferrals,
    new_id: Callable[[], UUID],
    now: datetime,
) -> Submitted:
    """Store the referral and its event. Raises InputRefused, UnknownCommune, CommuneMerged or CouncilNotJoined.

    From the sandbox only somebody who obviously does not exist is referred, and only to a council of the sandbox.
    """
    command.told.person.check(now.date())
    if command.sandbox:
        check_fake(command.told.person)
    place = places.find(command.commune)
    authority = places.authority_over(place.code)
    council = await organisations.council_for(authority.code, place.code, sandbox=command.sandbox)
    if council is None:
        raise CouncilNotJoined(authority.name)
    referral = Referral(
        referral_id=new_id(),
        correlation_id=new_id(),
        parties=Parties(command.referrer_id, command.referrer_kind, council.organisation_id),
        commune=place.code,
        themes=command.themes,
        submitted_at=now,
        changed_at=now,
        sandbox=command.sandbox,
        simulated=None if council.simulated is None else Simulated(council.simulated),
    )
    fact = referral.submit(frozenset({Actor.REFERRER}))
    await referrals.add(referral, command.told, fact)
    return Submitted(referral, place, council)
