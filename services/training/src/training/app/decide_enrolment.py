"""Do what one of the organisations concerned asks of an enrolment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from training.app.fill_seats import fill_seats
from training.app.ports import Book, Change
from training.domain.errors import IllegalTransition, NotFound
from training.domain.status import Command


@dataclass(frozen=True, slots=True)
class DecideEnrolment:
    """Who asks what of which enrolment."""

    enrolment_id: UUID
    organisation_id: UUID
    command: Command


async def decide_enrolment(asked: DecideEnrolment, *, book: Book, now: datetime) -> None:
    """Change the enrolment; a seat that this leaves free is offered to the next on the list.

    Raises NotFound to a third organisation, WrongParty to one whose part this is not, IllegalTransition, OfferOver or
    NotStarted when it is not the time.
    """
    found = await book.lock(asked.enrolment_id)
    if found is None:
        raise NotFound
    enrolment, session = found
    by = enrolment.accompaniment.quality_of(asked.organisation_id)
    if session is not None:
        by |= session.quality_of(asked.organisation_id)
    if not by:
        # Somebody else's enrolment and one that does not exist must look the same.
        raise NotFound
    if session is None:
        raise IllegalTransition
    fact = enrolment.decide(asked.command, session, by, now)
    await book.save(session, [Change(enrolment, (fact,))])
    await fill_seats(session, book=book, now=now)
