"""Read how a person's support tier came about: for services, and audited."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from registration.app.ports import Audit, Files
from registration.domain.errors import Erased, NotFound
from registration.domain.registration import State
from registration.domain.support import TierChanged


async def read_tiers(subject_ref: UUID, *, files: Files, audit: Audit) -> Sequence[TierChanged]:
    """Return every change, the oldest first, the reading being recorded. Raises NotFound, or Erased."""
    known = await files.find(subject_ref)
    if known is None:
        raise NotFound
    if known.registration.state is State.ERASED:
        raise Erased
    changes = await files.tiers(subject_ref)
    await audit.read([subject_ref])
    return changes
