"""Random requests, answers, withdrawals, expiries, cancellations and openings: never a seat too many, and the order of
the list is kept.

The use cases run on a book in memory; what they tell is compared with a list kept beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from training.app.cancel_session import CancelSession, cancel_session
from training.app.decide_enrolment import DecideEnrolment, decide_enrolment, reach_enrolment
from training.app.expire_offer import expire_offer
from training.app.open_session import OpenSession, open_session
from training.app.ports import Change, Organisation, Place
from training.app.request_enrolment import RequestEnrolment, request_enrolment
from training.domain.accompaniment import Accompaniment, AccompanimentStatus
from training.domain.enrolment import Enrolment, EnrolmentChanged
from training.domain.errors import SessionStarted, TrainingRefused
from training.domain.plan import Seen
from training.domain.session import CancelReason, Programme, Session, SessionChanged, SessionStatus
from training.domain.status import OPEN, SEATED, Command, Status

T = TypeVar("T")

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
COUNCIL, SERVICE, PROVIDER = UUID(int=1), UUID(int=2), UUID(int=3)
BY = {Command.START: PROVIDER, Command.ABSENCE: PROVIDER, Command.COMPLETION: PROVIDER, Command.DROP_OUT: PROVIDER}


def done(work: Coroutine[Any, Any, T]) -> T:
    """Run a use case that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("a book in memory waits for nothing")


class MemoryBook:
    """The `Book` port, in memory: rows are copies, as a database's are."""

    def __init__(self) -> None:
        self.sessions: dict[UUID, Session] = {}
        self.rows: dict[UUID, Enrolment] = {}
        self.told: list[EnrolmentChanged] = []
        self._places = count(1)

    async def add_session(self, session: Session, fact: SessionChanged) -> None:
        self.sessions[session.session_id] = deepcopy(session)

    async def save_session(self, session: Session, fact: SessionChanged) -> None:
        self.sessions[session.session_id] = deepcopy(session)

    async def lock_session(self, session_id: UUID, *, referrer_id: UUID | None = None) -> Session | None:
        return deepcopy(self.sessions.get(session_id))

    async def lock(self, enrolment_id: UUID) -> tuple[Enrolment, Session | None] | None:
        row = deepcopy(self.rows.get(enrolment_id))
        return None if row is None else (row, await self.lock_session(row.session_id))

    async def find(self, accompaniment_id: UUID, action_id: UUID, session_id: UUID) -> Enrolment | None:
        return None

    async def enrolled_through(self, subject_ref: UUID, session_id: UUID) -> Sequence[UUID]:
        found = [row.accompaniment for row in await self.open_in(session_id)]
        return [one.accompaniment_id for one in found if one.subject_ref == subject_ref]

    async def next_in_line(self, list_id: UUID) -> Enrolment | None:
        return next(iter(await self.waiting_on(list_id)), None)

    async def waiting_on(self, list_id: UUID) -> Sequence[Enrolment]:
        return deepcopy(sorted((row for row in self.rows.values() if row.waits_on == list_id), key=_place))

    async def length(self, list_id: UUID) -> int:
        return len(await self.waiting_on(list_id))

    async def open_in(self, session_id: UUID) -> Sequence[Enrolment]:
        rows = [row for row in self.rows.values() if row.session_id == session_id and row.status in OPEN]
        return deepcopy(sorted(rows, key=lambda row: (row.place or 0, row.requested_at, row.enrolment_id)))

    async def seen(self, accompaniment_ids: Collection[UUID]) -> Sequence[Seen]:
        return ()

    async def mark_planned(self, enrolment_ids: Collection[UUID]) -> None:
        return None

    async def save(self, session: Session | None, changes: Sequence[Change]) -> None:
        if session is not None:
            self.sessions[session.session_id] = deepcopy(session)
        for change in changes:
            row = deepcopy(change.enrolment)
            if row.waits_on is not None and row.place is None:
                row.place = next(self._places)
            self.rows[row.enrolment_id] = row
            self.told += change.facts


def _place(row: Enrolment) -> int:
    assert row.place is not None
    return row.place


class Everybody:
    """The `Accompaniments` and `Places` ports: each accompaniment is another person's, and active."""

    async def known(self, accompaniment_id: UUID) -> Accompaniment:
        return Accompaniment(
            accompaniment_id, accompaniment_id, accompaniment_id, accompaniment_id, "93048", COUNCIL, "association",
            COUNCIL, SERVICE, AccompanimentStatus.ACTIVE,
        )  # fmt: skip

    async def hear(self, accompaniment: Accompaniment, version: int) -> Accompaniment | None:
        raise NotImplementedError

    async def of_person(self, subject_ref: UUID) -> Sequence[UUID]:
        raise NotImplementedError

    async def forget(self, subject_ref: UUID) -> None:
        raise NotImplementedError

    async def named(self, organisation_ids: Collection[UUID]) -> Mapping[UUID, Organisation]:
        raise NotImplementedError

    async def covered(self, council_id: UUID, communes: Collection[str]) -> frozenset[str]:
        return frozenset(communes)

    def find(self, code: str) -> Place:
        return Place(code, code)


async def asked_for(asked: RequestEnrolment, book: MemoryBook, new_id: Callable[[], UUID], now: datetime) -> None:
    whose = await Everybody().known(asked.accompaniment_id)
    await request_enrolment(asked, whose, book=book, new_id=new_id, now=now)


async def decided(asked: DecideEnrolment, book: MemoryBook, now: datetime) -> None:
    reached = await reach_enrolment(asked, book=book, organisations=Everybody())
    await decide_enrolment(reached, asked.command, book=book, now=now)


class Seats(RuleBasedStateMachine):
    """Two themes of one provider; any session may be cancelled, and followed by another."""

    def __init__(self) -> None:
        super().__init__()
        self.book, self.now = MemoryBook(), START
        self.lists: dict[UUID, list[UUID]] = {}
        self._ids = count(100)

    def new_id(self) -> UUID:
        return UUID(int=next(self._ids))

    def draw(self, data: st.DataObject, of: Collection[UUID]) -> UUID:
        return data.draw(st.sampled_from(sorted(of)))

    def opened(self) -> list[UUID]:
        return [id_ for id_, one in self.book.sessions.items() if one.status is SessionStatus.OPEN]

    @initialize(seats=st.integers(0, 3))
    def begin(self, seats: int) -> None:
        self.open(seats, "numerique--x", 10)

    @rule(seats=st.integers(0, 3), theme=st.sampled_from(("numerique--x", "langue--y")), days=st.integers(1, 20))
    def open(self, seats: int, theme: str, days: int) -> None:
        programme = Programme("x", theme, "93048", seats, 12, self.now + timedelta(days=days), "x")
        with Follow(self):
            done(
                open_session(
                    OpenSession(PROVIDER, programme), places=Everybody(), book=self.book, new_id=self.new_id,
                    now=self.now,
                )
            )  # fmt: skip

    @rule(data=st.data(), people=st.integers(1, 4))
    def ask(self, data: st.DataObject, people: int) -> None:
        session_id = self.draw(data, self.book.sessions)
        for _ in range(people):
            asked = RequestEnrolment(COUNCIL, self.new_id(), self.new_id(), session_id)
            with Follow(self):
                done(asked_for(asked, self.book, self.new_id, self.now))

    @precondition(lambda self: self.book.rows)
    @rule(
        data=st.data(),
        command=st.sampled_from(
            (Command.CONFIRMATION, Command.REFUSAL_BY_PERSON, Command.WITHDRAWAL, Command.START, Command.COMPLETION)
        ),
    )
    def decide(self, data: st.DataObject, command: Command) -> None:
        enrolment_id = self.draw(data, self.book.rows)
        held = self.book.rows[enrolment_id].status is Status.SEAT_HELD
        by = PROVIDER if held and command is Command.CONFIRMATION else BY.get(command, SERVICE)
        before = deepcopy((self.book.sessions, self.book.rows))
        try:
            with Follow(self):
                done(decided(DecideEnrolment(enrolment_id, by, command), self.book, self.now))
        except TrainingRefused:
            assert (self.book.sessions, self.book.rows) == before

    @rule(hours=st.sampled_from((1, 24, 48, 100)))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        offers = [row for row in self.book.rows.values() if row.offer_expires_at is not None]
        for row in sorted(offers, key=lambda row: (row.offer_expires_at, row.enrolment_id)):
            with Follow(self):
                over = done(expire_offer(row.enrolment_id, book=self.book, now=self.now))
            assert row.offer_expires_at is not None
            assert over == (self.now >= row.offer_expires_at)

    @precondition(lambda self: self.opened())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        asked = CancelSession(self.draw(data, self.opened()), PROVIDER, CancelReason.NO_ROOM)
        if self.now >= self.book.sessions[asked.session_id].programme.starts_at:
            with pytest.raises(SessionStarted):
                done(cancel_session(asked, book=self.book, now=self.now))
            return
        with Follow(self):
            done(cancel_session(asked, book=self.book, now=self.now))

    @invariant()
    def seats_are_as_many_as_there_are(self) -> None:
        for id_, session in self.book.sessions.items():
            if session.status is not SessionStatus.OPEN:
                assert (session.taken, session.waiting) == (0, 0)
                continue
            rows = [row for row in self.book.rows.values() if row.session_id == id_]
            assert session.taken == sum(row.status in SEATED for row in rows) <= session.programme.seats
            assert session.waiting == sum(row.status is Status.WAITLISTED for row in rows)

    @invariant()
    def no_seat_is_free_while_somebody_waits(self) -> None:
        for session in self.book.sessions.values():
            if session.takes_requests(self.now) and session.waiting:
                assert session.taken == session.programme.seats

    @invariant()
    def lists_are_as_they_were_told(self) -> None:
        for list_id, expected in self.lists.items():
            assert [row.enrolment_id for row in done(self.book.waiting_on(list_id))] == expected

    @invariant()
    def nobody_is_left_in_passing(self) -> None:
        ends = {Status.DRAFT, Status.REQUESTED, Status.ELIGIBLE, Status.SESSION_CANCELLED}
        assert not [row for row in self.book.rows.values() if row.status in ends]


class Follow:
    """Keeps the lists by what is told alone: whoever is offered a seat was first, and joins get the next rank."""

    def __init__(self, machine: Seats) -> None:
        self._machine = machine
        self._from = len(machine.book.told)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        machine = self._machine
        if kind is not None:
            assert len(machine.book.told) == self._from
            return
        for fact in machine.book.told[self._from :]:
            session = machine.book.sessions[fact.session_id]
            lists = machine.lists
            own = lists.setdefault(session.session_id, [])
            theme = lists.setdefault(session.theme_list, [])
            if fact.status is Status.SEAT_OFFERED:
                assert fact.enrolment_id == next(iter(theme if fact.enrolment_id in theme else own))
            for waiting in (own, theme):
                if fact.enrolment_id in waiting:
                    waiting.remove(fact.enrolment_id)
            if fact.status is Status.WAITLISTED:
                joined = theme if session.status is SessionStatus.CANCELLED else own
                joined.append(fact.enrolment_id)
                if joined is own:
                    assert fact.rank == len(own)


TestSeats = Seats.TestCase
TestSeats.settings = settings(max_examples=40, stateful_step_count=30)


def test_one_person_takes_one_seat_of_the_session_that_follows() -> None:
    book, everybody = MemoryBook(), Everybody()
    ids = count(500)

    def new_id() -> UUID:
        return UUID(int=next(ids))

    programme = Programme("x", "numerique--x", "93048", 5, 12, START + timedelta(days=5), "x")
    for _ in range(2):
        opened = done(
            open_session(OpenSession(PROVIDER, programme), places=everybody, book=book, new_id=new_id, now=START)
        )
        asked = RequestEnrolment(COUNCIL, UUID(int=7), new_id(), opened.session_id)
        done(asked_for(asked, book, new_id, START))
    for session_id in list(book.sessions):
        done(cancel_session(CancelSession(session_id, PROVIDER, CancelReason.OTHER), book=book, now=START))

    following = replace(programme, starts_at=START + timedelta(days=9))
    opened = done(open_session(OpenSession(PROVIDER, following), places=everybody, book=book, new_id=new_id, now=START))

    assert sorted(row.status for row in book.rows.values()) == [Status.SEAT_OFFERED, Status.WAITLISTED]
    assert (opened.taken, opened.waiting) == (1, 0)
