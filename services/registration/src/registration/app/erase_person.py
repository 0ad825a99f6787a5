"""Erase a person: once, whoever asks and however often."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from registration.app.ports import Audit, Erasures
from registration.domain.errors import NotFound
from registration.domain.registration import State


async def erase_person(subject_ref: UUID, *, erasures: Erasures, audit: Audit, now: datetime) -> datetime:
    """Erase the person and return since when they are; asked again, return the first time. Raises NotFound."""
    found = await erasures.lock(subject_ref)
    if found is None:
        raise NotFound
    registration, changed_at = found
    if registration.state is State.ERASED:
        # Nothing changes an erased person: their last change is the erasure.
        return changed_at
    fact = registration.erase(now)
    await erasures.save(registration, fact)
    await audit.read([subject_ref])
    return fact.at
