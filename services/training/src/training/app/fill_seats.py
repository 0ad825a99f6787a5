"""Offer the free seats of a session to those who wait, in the order of the list."""

from __future__ import annotations

from datetime import datetime

from training.app.ports import Book, Change
from training.domain.session import Session


async def fill_seats(session: Session, *, book: Book, now: datetime) -> None:
    """Leave no seat free while somebody waits for it. The session is locked, and what happened before is saved."""
    while session.free(now) > 0:
        following = await book.next_in_line(session.session_id)
        if following is None:
            return
        await book.save(session, [Change(following, (following.offer(session, now),))])
