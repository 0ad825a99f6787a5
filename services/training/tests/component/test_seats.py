"""Seats under load: as many as there are, whoever asks at once, and in whatever way."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

Desk = Any
SEATS, PEOPLE = 10, 200
COUNCIL, PROVIDER = UUID(int=0xC1), UUID(int=0xD1)


async def patiently(desk: Desk, story: Any, session_id: str) -> dict[str, Any]:
    """Ask as a client should: told to come back, it does, with the same key."""
    key = str(uuid4())
    action = uuid4()
    while True:
        answer = await desk.ask(story, session_id, action=action, key=key)
        if answer.status_code != 503:
            assert answer.status_code == 201, answer.text
            found: dict[str, Any] = answer.json()
            return found


async def test_200_requests_at_once_for_10_seats_hold_10_and_list_190(desk: Desk) -> None:
    session_id = await desk.session(seats=SEATS)
    stories = await desk.stories(PEOPLE)

    answers = await asyncio.gather(*(patiently(desk, story, session_id) for story in stories))

    statuses = [answer["status"] for answer in answers]
    assert (statuses.count("seat_held"), statuses.count("waitlisted")) == (SEATS, PEOPLE - SEATS)
    ranks = sorted(answer["rank"] for answer in answers if answer["status"] == "waitlisted")
    assert ranks == list(range(1, PEOPLE - SEATS + 1))
    shown = (await desk.get(f"/sessions/{session_id}")).json()
    assert (shown["seats"], shown["free"], shown["waiting"]) == (SEATS, 0, PEOPLE - SEATS)
    await desk.check_seats()

    # What is told is what was answered: readers count the same seats, and see the list in its order.
    names = await desk.names()
    assert (names.count("Requested"), names.count("SeatHeld"), names.count("Waitlisted")) == (200, 10, 190)
    told = [one.event for one in await desk.told() if type(one.event).__name__ == "EnrolmentWaitlisted"]
    assert [event.rank for event in told] == list(range(1, PEOPLE - SEATS + 1))
    assert {str(event.enrolment_id): event.rank for event in told} == {
        answer["enrolment_id"]: answer["rank"] for answer in answers if answer["status"] == "waitlisted"
    }


async def test_zero_seats_means_zero(desk: Desk) -> None:
    session_id = await desk.session(seats=0)
    answers = await asyncio.gather(*(patiently(desk, story, session_id) for story in await desk.stories(5)))
    assert [answer["status"] for answer in answers] == ["waitlisted"] * 5
    await desk.check_seats()


async def test_everybody_moving_at_once_leaves_no_seat_too_many_and_none_unused(desk: Desk) -> None:
    session_id = await desk.session(seats=3)
    first = [await desk.enrolled(session_id) for _ in range(8)]
    chance = random.Random(7)

    async def move(enrolment_id: str) -> None:
        for _ in range(3):
            command, by, body = chance.choice(
                [
                    ("withdrawal", COUNCIL, None),
                    ("confirmation", PROVIDER, None),
                    ("refusal", PROVIDER, {"refused_by": "person"}),
                ]
            )
            answer = await desk.command(enrolment_id, command, by, body)
            assert answer.status_code in (200, 409, 503), answer.text

    newcomers = [patiently(desk, story, session_id) for story in await desk.stories(4)]
    await asyncio.gather(*(move(enrolment_id) for enrolment_id in first), *newcomers)

    await desk.check_seats()
    shown = (await desk.get(f"/sessions/{session_id}")).json()
    assert shown["free"] == 0 or shown["waiting"] == 0
    # Of each enrolment the events are in the order of its versions, as readers need.
    versions: dict[str, list[int]] = {}
    for one in await desk.told():
        versions.setdefault(one.envelope.subject, []).append(one.event.aggregate_version)
    assert all(found == sorted(set(found)) for found in versions.values())


async def test_database_itself_refuses_the_seat_too_many(desk: Desk) -> None:
    session_id = await desk.session(seats=1)
    await desk.enrolled(session_id)
    with pytest.raises(asyncpg.CheckViolationError, match="sessions_taken_within_seats"):
        await desk.rows("UPDATE sessions SET taken = taken + 1")
