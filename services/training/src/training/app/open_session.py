"""Open a session; those who lost theirs of the same theme and organisation come first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from training.app.ports import Book, Change, Places
from training.domain.enrolment import Enrolment
from training.domain.session import Programme, Session
from training.domain.status import Actor


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Who opens what."""

    organisation_id: UUID
    programme: Programme


async def open_session(
    command: OpenSession, *, places: Places, book: Book, new_id: Callable[[], UUID], now: datetime
) -> Session:
    """Store the session and its event. Raises InputRefused, UnknownCommune or CommuneMerged."""
    place = places.find(command.programme.commune)
    session = Session(
        session_id=new_id(),
        correlation_id=new_id(),
        organisation_id=command.organisation_id,
        programme=replace(command.programme, commune=place.code),
        opened_at=now,
        changed_at=now,
    )
    await book.add_session(session, session.open(frozenset({Actor.PROVIDER})))
    if session.programme.seats > 0:
        changes = _take_over(session, await book.waiting_on(session.theme_list), now)
        if changes:
            await book.save(session, changes)
    return session


def _take_over(session: Session, first: Sequence[Enrolment], now: datetime) -> list[Change]:
    changes: list[Change] = []
    persons: set[UUID | None] = set()
    for enrolment in first:
        person = enrolment.accompaniment.subject_ref
        if person in persons:
            # One person takes one seat: the second request waits for another session.
            continue
        persons.add(person)
        fact = enrolment.offer(session, now) if session.free(now) > 0 else enrolment.wait(session, now)
        changes.append(Change(enrolment, (fact,)))
    return changes
