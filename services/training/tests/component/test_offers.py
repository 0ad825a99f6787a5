"""The waiting list: whoever is next is offered the seat that became free, for 48 hours, by a clock that is moved."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from training.adapters.organisations import DirectoryOrganisations
from training.adapters.postgres.book import PostgresBook
from training.app.decide_enrolment import DecideEnrolment, decide_enrolment, reach_enrolment
from training.domain.status import Command

Desk = Any
COUNCIL, SERVICE, PROVIDER = UUID(int=0xC1), UUID(int=0xF1), UUID(int=0xD1)
SECOND = timedelta(seconds=1)
OFFER = timedelta(hours=48)


async def full(desk: Desk, waiting: int, **changes: Any) -> tuple[str, str, list[str]]:
    """Return a session of one seat, who holds it, and who waits."""
    session_id = await desk.session(seats=1, **changes)
    ids = []
    for story in await desk.stories(waiting + 1):
        ids.append(await desk.enrolled(session_id, story))
    return session_id, ids[0], ids[1:]


async def test_withdrawal_offers_the_seat_to_the_next_who_takes_it(desk: Desk) -> None:
    session_id, held, (first, second) = await full(desk, 2)
    desk.clock.advance(timedelta(hours=1))
    assert (await desk.command(held, "withdrawal", SERVICE)).json()["status"] == "withdrawn"

    shown = (await desk.get(f"/enrolments/{first}")).json()
    assert (shown["status"], shown["rank"]) == ("seat_offered", None)
    assert shown["offer_expires_at"] == (desk.clock.now() + OFFER).isoformat().replace("+00:00", "Z")
    assert shown["allowed"] == ["confirmation", "refusal", "withdrawal"]
    assert (await desk.get(f"/enrolments/{second}")).json()["rank"] == 1
    offered = (await desk.told(first))[-1]
    assert offered.event.expires_at == desk.clock.now() + OFFER
    # Another person's story: what led to it is not told.
    assert offered.envelope.correlation_id != (await desk.told(held))[-1].envelope.correlation_id

    taken = await desk.command(first, "confirmation", SERVICE)
    assert (taken.json()["status"], taken.json()["offer_expires_at"]) == ("confirmed", None)
    assert await desk.rows("SELECT * FROM timers") == []
    assert await desk.names(first) == ["Requested", "Waitlisted", "SeatOffered", "Confirmed"]
    assert (await desk.get(f"/sessions/{session_id}")).json()["waiting"] == 1


async def test_offer_that_nobody_takes_goes_to_the_next(desk: Desk) -> None:
    _, held, (first, second, third) = await full(desk, 3)
    await desk.command(held, "refusal", COUNCIL, {"refused_by": "person"})
    await desk.time_passes(OFFER - SECOND)
    assert await desk.status(first) == "seat_offered"

    await desk.time_passes(SECOND)
    await desk.time_passes()
    assert await desk.names(first) == ["Requested", "Waitlisted", "SeatOffered", "OfferExpired"]
    assert (await desk.status(second), await desk.status(third)) == ("seat_offered", "waitlisted")
    late = await desk.command(first, "confirmation", COUNCIL)
    assert (late.status_code, late.json()["code"]) == (409, "illegal_transition")

    await desk.command(second, "refusal", COUNCIL, {"refused_by": "third_party"})
    assert await desk.status(third) == "seat_offered"
    await desk.time_passes(OFFER)
    assert await desk.status(third) == "offer_expired"
    assert await desk.rows("SELECT * FROM timers") == []
    await desk.check_seats()


async def test_answer_after_the_term_and_before_the_clock_was_looked_at_is_too_late(desk: Desk) -> None:
    _, held, (first, second) = await full(desk, 2)
    await desk.command(held, "withdrawal", COUNCIL)
    desk.clock.advance(OFFER)
    late = await desk.command(first, "confirmation", COUNCIL)
    assert (late.status_code, late.json()["code"]) == (409, "offer_over")
    await desk.time_passes()
    assert await desk.status(second) == "seat_offered"


async def test_clock_that_was_stopped_for_long_still_gives_each_their_48_hours(desk: Desk) -> None:
    _, held, (first, second) = await full(desk, 2)
    await desk.command(held, "withdrawal", COUNCIL)
    await desk.time_passes(timedelta(days=9))
    assert (await desk.status(first), await desk.status(second)) == ("offer_expired", "seat_offered")
    (offer,) = await desk.rows("SELECT offer_expires_at FROM enrolments WHERE enrolment_id = $1", UUID(second))
    assert offer["offer_expires_at"] == desk.clock.now() + OFFER


async def test_nothing_is_offered_once_the_session_has_begun(desk: Desk) -> None:
    starts_at = (desk.clock.now() + timedelta(hours=30)).isoformat()
    session_id, held, (first, second) = await full(desk, 2, starts_at=starts_at)
    await desk.command(held, "withdrawal", COUNCIL)
    await desk.time_passes(timedelta(hours=30) - SECOND)
    assert await desk.status(first) == "seat_offered"
    await desk.time_passes(SECOND)
    assert (await desk.status(first), await desk.status(second)) == ("offer_expired", "waitlisted")
    assert (await desk.get(f"/sessions/{session_id}")).json()["free"] == 0
    assert (await desk.command(second, "withdrawal", COUNCIL)).json()["status"] == "withdrawn"
    await desk.check_seats()


async def test_answer_at_the_instant_of_the_term_is_stored_and_the_term_does_nothing(desk: Desk) -> None:
    _, held, (first, second) = await full(desk, 2)
    await desk.command(held, "withdrawal", COUNCIL)
    now = desk.clock.now() + OFFER - SECOND
    desk.clock.advance(OFFER)
    async with desk.db.transaction() as tx:
        book = PostgresBook(tx)
        await book.lock(UUID(first))
        firing = asyncio.create_task(desk.time_passes())
        while not await desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # locks ring no bell
            await asyncio.sleep(0.01)
        # The timer holds its row and waits for the session: were we to wait for it, neither would end.
        asked = DecideEnrolment(UUID(first), COUNCIL, Command.CONFIRMATION)
        reached = await reach_enrolment(asked, book=book, organisations=DirectoryOrganisations(tx))
        await decide_enrolment(reached, asked.command, book=book, now=now)
    await firing
    assert (await desk.status(first), await desk.status(second)) == ("confirmed", "waitlisted")
    assert await desk.rows("SELECT * FROM timers") == []


async def test_cancelled_session_ends_its_offers_without_expiring_them(desk: Desk) -> None:
    session_id, held, (first,) = await full(desk, 1)
    await desk.command(held, "withdrawal", COUNCIL)
    await desk.post(f"/sessions/{session_id}/cancellation", PROVIDER, {"reason": "no_room"})
    assert await desk.rows("SELECT * FROM timers") == []
    await desk.time_passes(OFFER)
    assert await desk.status(first) == "waitlisted"
