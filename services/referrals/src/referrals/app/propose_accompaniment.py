"""Propose a joint accompaniment: the council that accepted a referral asks an employment service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from referrals.app.accompaniment_ports import Accompaniments
from referrals.app.ports import Organisation, Organisations, Places, Referrals
from referrals.domain.accompaniment import Accompaniment
from referrals.domain.accompaniment_status import Side
from referrals.domain.errors import (
    AccompanimentExists,
    NotFound,
    OutsideTerritory,
    ReferralNotAccepted,
    UnknownEmploymentService,
)
from referrals.domain.referral import Referral
from referrals.domain.sandbox import Simulated
from referrals.domain.status import Actor, Status


@dataclass(frozen=True, slots=True)
class ProposeAccompaniment:
    """Who asks which employment service, about the person of which referral."""

    referral_id: UUID
    organisation_id: UUID
    employment_service: str
    """Its code."""


async def propose_accompaniment(
    asked: ProposeAccompaniment,
    *,
    referrals: Referrals,
    accompaniments: Accompaniments,
    organisations: Organisations,
    places: Places,
    new_id: Callable[[], UUID],
    now: datetime,
) -> Accompaniment:
    """Store the accompaniment and its event, in the referral's story.

    Raises NotFound to anybody but the referral's receiver, OutsideTerritory to one in whose territory the person does
    not live, or no more (a NotFound to be recorded), ReferralNotAccepted, PersonErased, PersonNotIdentified,
    AccompanimentExists, or UnknownEmploymentService for one that does not answer where the person lives.
    """
    # The referral's lock: two proposals meet here, and the second finds the first.
    referral = await referrals.lock(asked.referral_id)
    if referral is None or Actor.RECEIVER not in referral.parties.quality_of(asked.organisation_id):
        raise NotFound
    if not await organisations.covered(asked.organisation_id, [referral.commune]):
        raise OutsideTerritory
    if referral.status is not Status.ACCEPTED:
        raise ReferralNotAccepted
    subject_ref = await accompaniments.subject_of(referral.referral_id)
    if await accompaniments.has_open(referral.referral_id):
        raise AccompanimentExists
    employment = await _employment_service(asked.employment_service, referral, organisations, places)
    accompaniment = Accompaniment(
        accompaniment_id=new_id(),
        referral_id=referral.referral_id,
        correlation_id=referral.correlation_id,
        subject_ref=subject_ref,
        parties=referral.parties,
        employment_id=employment.organisation_id,
        commune=referral.commune,
        proposed_at=now,
        changed_at=now,
        simulated=None if employment.simulated is None else Simulated(employment.simulated),
    )
    await accompaniments.add(accompaniment, accompaniment.propose(Side.COUNCIL))
    return accompaniment


async def _employment_service(
    code: str, referral: Referral, organisations: Organisations, places: Places
) -> Organisation:
    authority = places.authority_over(referral.commune)
    for found in await organisations.employment_services(authority.code, sandbox=referral.sandbox):
        if found.code == code:
            return found
    raise UnknownEmploymentService
