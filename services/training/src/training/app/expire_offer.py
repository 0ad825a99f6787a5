"""Give an offered seat to the next on the list when nobody took it in time."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from training.app.fill_seats import fill_seats
from training.app.ports import Book, Change
from training.domain.errors import IllegalTransition, NotDue


async def expire_offer(enrolment_id: UUID, *, book: Book, now: datetime) -> bool:
    """Return whether the offer was over; one that was answered, or made again, meanwhile stays as it is."""
    found = await book.lock(enrolment_id)
    if found is None:
        return False
    enrolment, session = found
    if session is None:
        return False
    try:
        fact = enrolment.expire(session, now)
    except (IllegalTransition, NotDue):
        return False
    await book.save(session, [Change(enrolment, (fact,))])
    await fill_seats(session, book=book, now=now)
    return True
