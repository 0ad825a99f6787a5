"""Do what one of the organisations concerned asks of an enrolment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from training.app.fill_seats import fill_seats
from training.app.ports import Book, Change, Organisations
from training.app.scope import PARTINGS, is_within
from training.domain.enrolment import Enrolment
from training.domain.errors import IllegalTransition, NotFound
from training.domain.session import Session
from training.domain.status import Actor, Command


@dataclass(frozen=True, slots=True)
class DecideEnrolment:
    """Who asks what of which enrolment."""

    enrolment_id: UUID
    organisation_id: UUID
    command: Command


@dataclass(frozen=True, slots=True)
class Reached:
    """A locked enrolment, as what an organisation may act on it, and whether it may know anything of it."""

    enrolment: Enrolment
    session: Session | None
    by: frozenset[Actor]
    within: bool


async def reach_enrolment(asked: DecideEnrolment, *, book: Book, organisations: Organisations) -> Reached:
    """Return the enrolment, locked with its session, to whoever may ask this of it. Raises NotFound to a third one.

    Also to a council that would go on with somebody who does not live, or no more, in its territory. It may still give
    the enrolment up, and is told nothing more of it.
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
    within = await is_within(enrolment.accompaniment, by, asked.organisation_id, organisations)
    if not within and asked.command not in PARTINGS:
        raise NotFound
    return Reached(enrolment, session, by, within)


async def decide_enrolment(reached: Reached, command: Command, *, book: Book, now: datetime) -> None:
    """Change the enrolment; a seat that this leaves free is offered to the next on the list.

    Raises WrongParty to one whose part this is not, IllegalTransition, OfferOver or NotStarted when it is not the time.
    """
    enrolment, session = reached.enrolment, reached.session
    if session is None:
        raise IllegalTransition
    fact = enrolment.decide(command, session, reached.by, now)
    await book.save(session, [Change(enrolment, (fact,))])
    await fill_seats(session, book=book, now=now)
