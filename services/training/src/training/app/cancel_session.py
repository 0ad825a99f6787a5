"""Cancel a session: whoever was in it comes first in the organisation's next one of the theme."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from training.app.ports import Book, Change
from training.domain.errors import NotFound
from training.domain.session import CancelReason, Session


@dataclass(frozen=True, slots=True)
class CancelSession:
    """Who cancels which session, and why."""

    session_id: UUID
    organisation_id: UUID
    reason: CancelReason


async def cancel_session(asked: CancelSession, *, book: Book, now: datetime) -> Session:
    """Return the session, cancelled.

    Raises NotFound to any but its provider, IllegalTransition the second time, SessionStarted once it has begun.
    """
    session = await book.lock_session(asked.session_id)
    if session is None:
        raise NotFound
    by = session.quality_of(asked.organisation_id)
    if not by:
        raise NotFound
    fact = session.cancel(by, now, asked.reason)
    concerned = await book.open_in(session.session_id)
    before = await book.length(session.theme_list)
    await book.save_session(session, fact)
    changes = [
        Change(enrolment, enrolment.leave_cancelled(session, rank, now))
        for rank, enrolment in enumerate(concerned, start=before + 1)
    ]
    if changes:
        await book.save(session, changes)
    return session
