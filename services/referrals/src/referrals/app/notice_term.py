"""Say that a legal term of an accompaniment has come, when the clock says so."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from referrals.app.accompaniment_ports import Accompaniments
from referrals.domain.accompaniment_status import Command
from referrals.domain.errors import IllegalTransition, NotDue


async def notice_term(accompaniment_id: UUID, term: Command, *, accompaniments: Accompaniments, now: datetime) -> bool:
    """Return whether it was told; an accompaniment that it no longer concerns stays as it is."""
    accompaniment = await accompaniments.lock(accompaniment_id)
    if accompaniment is None:
        return False
    try:
        happened = accompaniment.notice_term(term, now)
    except (IllegalTransition, NotDue):
        return False
    await accompaniments.save(accompaniment, happened)
    return True
