"""Refer somebody who does not exist to a council that joined the sandbox, so that it has something to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from referrals.app.ports import NewReferrals
from referrals.domain.referral import Parties, Referral
from referrals.domain.sandbox import check_fake, nobody
from referrals.domain.status import Actor

THEMES = ("numerique--acceder-a-une-connexion-internet",)
REFERRER_KIND = "association"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A council of the sandbox to which the simulator has referred nobody yet."""

    council_id: UUID
    simulator_id: UUID
    commune: str
    """One of its territory."""


class Newcomers(Protocol):
    """Councils of the sandbox, as last heard of."""

    async def find(self, organisation_id: UUID) -> Newcomer | None:
        """Return the newcomer; None for anybody else, for one that has its person, and while no simulator is known."""
        ...


async def welcome_council(
    organisation_id: UUID,
    *,
    newcomers: Newcomers,
    referrals: NewReferrals,
    new_id: Callable[[], UUID],
    now: datetime,
) -> bool:
    """Refer one person to the council itself, whoever else answers there; return whether that was done.

    The council is named, not looked for: a real one is never met on the way.
    """
    newcomer = await newcomers.find(organisation_id)
    if newcomer is None:
        return False
    told = nobody(organisation_id)
    check_fake(told.person)
    referral = Referral(
        referral_id=new_id(),
        correlation_id=new_id(),
        parties=Parties(newcomer.simulator_id, REFERRER_KIND, newcomer.council_id),
        commune=newcomer.commune,
        themes=THEMES,
        submitted_at=now,
        changed_at=now,
        sandbox=True,
    )
    await referrals.add(referral, told, referral.submit(frozenset({Actor.REFERRER})))
    return True
