"""Ask for a seat in a session, for a training action of a plan."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from training.app.ports import Accompaniments, Book, Change, Organisations
from training.app.scope import is_within
from training.domain.accompaniment import Accompaniment
from training.domain.enrolment import Enrolment
from training.domain.errors import AccompanimentNotActive, NotFound, UnknownSession
from training.domain.session import Session
from training.domain.status import Actor


@dataclass(frozen=True, slots=True)
class RequestEnrolment:
    """Who asks for a seat, for what."""

    organisation_id: UUID
    accompaniment_id: UUID
    action_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True)
class Requested:
    """The enrolment, and whether it was there before."""

    enrolment_id: UUID
    is_new: bool


async def reach_accompaniment(
    accompaniment_id: UUID, organisation_id: UUID, *, accompaniments: Accompaniments, organisations: Organisations
) -> Accompaniment:
    """Return an accompaniment that will not change before the transaction ends, to one of its two sides.

    Raises NotFound to any other, and to a council in whose territory the person does not live, or no more.
    """
    accompaniment = await accompaniments.known(accompaniment_id)
    by = frozenset[Actor]() if accompaniment is None else accompaniment.quality_of(organisation_id)
    if accompaniment is None or not by or not await is_within(accompaniment, by, organisation_id, organisations):
        raise NotFound
    return accompaniment


async def request_enrolment(
    asked: RequestEnrolment, accompaniment: Accompaniment, *, book: Book, new_id: Callable[[], UUID], now: datetime
) -> Requested:
    """Return the one enrolment of this action and session.

    Raises UnknownSession and AccompanimentNotActive: nothing is stored.
    """
    by = accompaniment.quality_of(asked.organisation_id)
    session = await book.lock_session(asked.session_id, referrer_id=accompaniment.referrer_id)
    if session is None:
        raise UnknownSession
    known = await book.find(asked.accompaniment_id, asked.action_id, asked.session_id)
    if known is not None:
        return Requested(known.enrolment_id, is_new=False)
    if not accompaniment.is_active:
        raise AccompanimentNotActive
    enrolment = draft(new_id(), accompaniment, asked.action_id, asked.session_id, now, planned=False)
    await admit(enrolment, session, by, book=book, now=now)
    return Requested(enrolment.enrolment_id, is_new=True)


def draft(
    enrolment_id: UUID, accompaniment: Accompaniment, action_id: UUID, session_id: UUID, now: datetime, *, planned: bool
) -> Enrolment:
    """Return an enrolment that nobody has asked for yet."""
    return Enrolment(
        enrolment_id=enrolment_id,
        accompaniment=accompaniment,
        action_id=action_id,
        asked_session_id=session_id,
        session_id=session_id,
        requested_at=now,
        changed_at=now,
        planned=planned,
    )


async def admit(
    enrolment: Enrolment, session: Session | None, by: frozenset[Actor], *, book: Book, now: datetime
) -> None:
    """Store the request with its seat, its place on the list, or why it gets neither. The session is locked."""
    person = enrolment.accompaniment.subject_ref
    through: Collection[UUID] = ()
    if session is not None and person is not None:
        through = await book.enrolled_through(person, session.session_id)
    asked = enrolment.request(session, by)
    answered = enrolment.assess(session, through=through, at=now)
    await book.save(session, [Change(enrolment, (asked, *answered))])
