"""Read who a person is: for services, and audited."""

from __future__ import annotations

from uuid import UUID

from registration.app.ports import Audit, Files
from registration.domain.errors import Erased, NotFound
from registration.domain.identity import Described
from registration.domain.registration import Registration


async def read_person(subject_ref: UUID, *, files: Files, audit: Audit) -> tuple[Registration, Described]:
    """Return the person, the reading being recorded. Raises NotFound, or Erased where nothing is left to read."""
    known = await files.find(subject_ref)
    if known is None:
        raise NotFound
    if known.described is None:
        raise Erased
    await audit.read([subject_ref])
    return known.registration, known.described
