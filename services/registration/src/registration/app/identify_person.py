"""Find out who the person of a referral is, or open a file for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registration.app.ports import Persons, Sharings
from registration.domain.identity import Described
from registration.domain.recognition import Recognition
from registration.domain.registration import Command, State
from registration.domain.sharing import Shared, Sharing


@dataclass(frozen=True, slots=True)
class IdentifyPerson:
    """Whose referral, from whom to whom, how they are described, and the reference they get if they are new here."""

    referral_id: UUID
    described: Described
    subject_ref: UUID
    submitted_at: datetime
    referrer_id: UUID
    receiver_id: UUID


async def identify_person(
    asked: IdentifyPerson, *, persons: Persons, sharings: Sharings, now: datetime
) -> Recognition | None:
    """Tell who it is, once per referral; return what it led to, None where it had been told before."""
    if await persons.is_identified(asked.referral_id):
        return None
    recognised = await persons.find_or_add(asked.described, asked.subject_ref)
    registration = recognised.registration
    command = Command.PRE_REGISTER if registration.state is State.DRAFT else Command.MATCH
    await persons.save(registration, registration.identify(command, asked.referral_id, now))
    await sharings.note(
        Sharing(
            what=Shared.REFERRAL,
            source_id=asked.referral_id,
            subject_ref=registration.subject_ref,
            at=asked.submitted_at,
            from_ids=(asked.referrer_id,),
            to_id=asked.receiver_id,
        )
    )
    return recognised.recognition
