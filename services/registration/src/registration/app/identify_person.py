"""Find out who the person of a referral is, or open a file for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from registration.app.ports import Persons
from registration.domain.identity import Described
from registration.domain.registration import Command, State


@dataclass(frozen=True, slots=True)
class IdentifyPerson:
    """Whose referral, how they are described, and the reference they get if they are new here."""

    referral_id: UUID
    described: Described
    subject_ref: UUID


async def identify_person(asked: IdentifyPerson, *, persons: Persons, now: datetime) -> bool:
    """Tell who it is, once per referral; return whether this was the time."""
    if await persons.is_identified(asked.referral_id):
        return False
    registration = await persons.find_or_add(asked.described, asked.subject_ref)
    command = Command.PRE_REGISTER if registration.state is State.DRAFT else Command.MATCH
    await persons.save(registration, registration.identify(command, asked.referral_id, now))
    return True
