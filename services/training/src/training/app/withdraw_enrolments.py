"""Take back enrolments that their cause has left: a plan that dropped them, an end, an erasure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from training.app.fill_seats import fill_seats
from training.app.ports import Book, Change
from training.domain.status import Actor, Command


async def withdraw_enrolments(
    enrolment_ids: Iterable[UUID], by: frozenset[Actor], *, book: Book, now: datetime
) -> None:
    """Withdraw those that are open, and offer their seats to whoever is next.

    Give them in the order of their sessions: whoever locks several goes the same way.
    """
    for enrolment_id in enrolment_ids:
        found = await book.lock(enrolment_id)
        if found is None:
            continue
        enrolment, session = found
        if session is None or not enrolment.is_open:
            continue
        fact = enrolment.decide(Command.WITHDRAWAL, session, by, now)
        await book.save(session, [Change(enrolment, (fact,))])
        await fill_seats(session, book=book, now=now)
