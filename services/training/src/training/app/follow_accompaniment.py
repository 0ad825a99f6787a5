"""Do what an accompaniment's events ask: remember it, enrol what its plan names, withdraw what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from training.app.ports import Accompaniments, Book
from training.app.request_enrolment import admit, draft
from training.app.withdraw_enrolments import withdraw_enrolments
from training.domain.accompaniment import Accompaniment
from training.domain.plan import PlannedTraining, Wanted, compare
from training.domain.status import Actor


@dataclass(frozen=True, slots=True)
class Heard:
    """An accompaniment as one of its events describes it, and who brought the event about."""

    accompaniment: Accompaniment
    version: int
    organisation_id: UUID

    @property
    def by(self) -> frozenset[Actor]:
        return self.accompaniment.quality_of(self.organisation_id) or frozenset({Actor.SYSTEM})


async def follow_plan(
    heard: Heard,
    actions: Sequence[PlannedTraining],
    *,
    accompaniments: Accompaniments,
    book: Book,
    new_id: Callable[[], UUID],
    now: datetime,
) -> None:
    """Make enrolments what the plan says; a plan older than what was heard changes nothing."""
    accompaniment = await accompaniments.hear(heard.accompaniment, heard.version)
    if accompaniment is None or not accompaniment.is_active:
        return
    seen = await book.seen([accompaniment.accompaniment_id])
    wanted = compare(actions, seen)
    await book.mark_planned(wanted.named)
    session_of = {enrolment.enrolment_id: enrolment.session_id for enrolment in seen}
    for session_id, withdraw, ask in _by_session(wanted, session_of):
        await withdraw_enrolments(withdraw, heard.by, book=book, now=now)
        for action_id in ask:
            enrolment = draft(new_id(), accompaniment, action_id, session_id, now, planned=True)
            session = await book.lock_session(session_id, referrer_id=accompaniment.referrer_id)
            await admit(enrolment, session, heard.by, book=book, now=now)


def _by_session(wanted: Wanted, session_of: dict[UUID, UUID]) -> list[tuple[UUID, list[UUID], list[UUID]]]:
    """Return what to do in each session, in the order in which everybody locks them."""
    sessions = {session_of[enrolment_id] for enrolment_id in wanted.withdraw} | {session for _, session in wanted.ask}
    return [
        (
            session_id,
            [enrolment_id for enrolment_id in wanted.withdraw if session_of[enrolment_id] == session_id],
            [action_id for action_id, asked in wanted.ask if asked == session_id],
        )
        for session_id in sorted(sessions)
    ]


async def leave_accompaniment(heard: Heard, *, accompaniments: Accompaniments, book: Book, now: datetime) -> None:
    """Withdraw every open enrolment of an accompaniment that has ended."""
    if await accompaniments.hear(heard.accompaniment, heard.version) is None:
        return
    seen = await book.seen([heard.accompaniment.accompaniment_id])
    left = [enrolment.enrolment_id for enrolment in sorted(seen, key=lambda one: one.session_id) if enrolment.is_open]
    await withdraw_enrolments(left, heard.by, book=book, now=now)
