"""The claim check: asking the referrals service who the persons of a batch of referrals are.

Made before any transaction, at most a hundred referrals a question. An answer older than the event is DependencyDown:
whoever answered has not read what we have, and waiting heals it. A referral that is not there at all (it was committed
with its event) concerns that event alone: Missing, so that the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from chassis.errors import DependencyDown, Permanent
from chassis.records import Delivery
from maillage_contracts import ReferralSubmitted
from registration.domain.identity import Contact, Described, Identity

PATH = "/claims/referrals"
PURPOSE = "identify-person"


class Missing:
    """What is found where the referrals service knows no such referral."""


IDS_MAX = 100
"""What one question may hold (architecture §4.6)."""


class Asks(Protocol):
    """Whoever can ask the referrals service: chassis.service_client.ServiceClient."""

    async def get_json(self, path: str, params: list[tuple[str, str]], purpose: str) -> object: ...


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        # An answer says who somebody is: never printed.
        return ()


class _Person(_Answer):
    first_name: str
    last_name: str
    birth_date: date
    phone: str | None = None
    email: str | None = None
    address: str | None = None

    def described(self, world: str) -> Described:
        identity = Identity(self.first_name, self.last_name, self.birth_date)
        return Described(identity, Contact(self.phone, self.email, self.address), world)


class _Claim(_Answer):
    referral_id: UUID
    version: int
    status: str
    person: _Person | None = None
    gone: bool
    sandbox: bool = False


class _Claims(_Answer):
    items: list[_Claim]


class ReferralClaims:
    """Fetches what a batch of referrals says of its persons."""

    def __init__(self, referrals: Asks) -> None:
        self._referrals = referrals

    async def fetch(self, deliveries: Sequence[Delivery]) -> Mapping[UUID, Described | Missing]:
        """Return who is described, by event id; nobody for a referral that was withdrawn or erased meanwhile."""
        wanted = {
            delivery.envelope.id: delivery.event
            for delivery in deliveries
            if isinstance(delivery.event, ReferralSubmitted)
        }
        claims = await self._ask(list({event.referral_id for event in wanted.values()}))
        found: dict[UUID, Described | Missing] = {}
        for event_id, event in wanted.items():
            claim = claims.get(event.referral_id)
            if claim is None:
                found[event_id] = Missing()
                continue
            if claim.version < event.aggregate_version:
                raise DependencyDown("the referrals service has not caught up with its own event")
            if claim.person is not None and not claim.gone and claim.status != "withdrawn":
                world = f"sandbox:{event.routing.referrer_organisation_id}" if claim.sandbox else ""
                found[event_id] = claim.person.described(world)
        return found

    async def _ask(self, referral_ids: Sequence[UUID]) -> Mapping[UUID, _Claim]:
        claims: dict[UUID, _Claim] = {}
        for start in range(0, len(referral_ids), IDS_MAX):
            part = referral_ids[start : start + IDS_MAX]
            answer = await self._referrals.get_json(PATH, [("id", str(id_)) for id_ in part], PURPOSE)
            claims |= {claim.referral_id: claim for claim in _read(answer)}
        return claims


def _read(answer: object) -> list[_Claim]:
    try:
        return _Claims.model_validate(answer).items
    except ValidationError:
        pass
    # Raised outside the handler: the context of an exception must hold no answer.
    raise Permanent(f"GET {PATH} answered something else than claims")
