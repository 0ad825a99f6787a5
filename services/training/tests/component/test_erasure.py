"""A person who was erased is forgotten: what is open is withdrawn, the reference is kept nowhere and stays away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

from training.adapters.postgres.accompaniments import PostgresAccompaniments

Desk = Any


async def test_erasure_withdraws_and_forgets(desk: Desk) -> None:
    session_id, story = await desk.session(seats=1), await desk.story()
    enrolment_id, waiting = await desk.enrolled(session_id, story), await desk.enrolled(session_id)
    await desk.hear(story, story.erased())

    assert (await desk.status(enrolment_id), await desk.status(waiting)) == ("withdrawn", "seat_offered")
    told = (await desk.told(enrolment_id))[-1]
    assert (type(told.event).__name__, told.event.subject_ref) == ("EnrolmentWithdrawn", story.subject_ref)
    assert (await desk.get(f"/enrolments/{enrolment_id}")).json()["history"][-1]["by"] == "system"
    assert (await desk.ask(story, session_id)).status_code == 409
    # What comes later from elsewhere does not bring the reference back.
    await desk.hear(story, story.plan((uuid4(), session_id, "planned")), story.ended())
    assert await desk.names(enrolment_id) == ["Requested", "SeatHeld", "Withdrawn"]
    await nowhere(desk, story)


async def test_erasure_that_comes_before_the_accompaniment_is_remembered(desk: Desk) -> None:
    session_id, story = await desk.session(), (await desk.story())
    late = replace(story, accompaniment_id=uuid4(), subject_ref=uuid4(), version=2)
    await desk.hear(late, late.erased())
    await desk.hear(late, late.activated(), late.plan((uuid4(), session_id, "planned")))
    assert await desk.rows("SELECT FROM enrolments") == []
    await nowhere(desk, late)


async def nowhere(desk: Desk, story: Any) -> None:
    """Fail if a table still holds the reference; what was sent ages out of the topics."""
    tables = await desk.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'outbox'")
    for row in tables:
        name = row["tablename"]
        found = await desk.rows(f"SELECT 1 FROM {name} t WHERE t::text LIKE '%' || $1 || '%'", str(story.subject_ref))
        assert found == [], name


async def test_request_and_erasure_at_once_leave_nothing_open(desk: Desk) -> None:
    session_id = await desk.session()
    stories = await desk.stories(6)
    plans = [desk.source(story, story.plan((uuid4(), session_id, "planned"))) for story in stories[:3]]
    await asyncio.gather(
        *(desk.ask(story, session_id) for story in stories[3:]),
        desk.processors[plans[0].topic].process(plans),
        *(desk.hear(story, story.erased()) for story in stories),
    )
    assert await desk.rows("SELECT FROM enrolments WHERE status <> 'withdrawn'") == []
    for story in stories:
        await nowhere(desk, story)
    await desk.check_seats()


async def somebody_waits(desk: Desk, task: asyncio.Task[Any]) -> None:
    """Return once a lock is waited for, or nothing is: locks ring no bell."""
    while not task.done() and not await desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
        await asyncio.sleep(0.01)


async def test_request_waits_for_an_erasure_that_has_begun(desk: Desk) -> None:
    session_id, story = await desk.session(), await desk.story()
    async with desk.db.transaction() as tx:
        erasing = PostgresAccompaniments(tx, desk.runtime.vault())
        await erasing.of_person(story.subject_ref)
        asking = asyncio.create_task(desk.ask(story, session_id))
        await somebody_waits(desk, asking)
        await erasing.forget(story.subject_ref)
    answer = await asking
    assert (answer.status_code, answer.json()["code"]) == (409, "accompaniment_not_active")
    assert await desk.rows("SELECT FROM enrolments") == []


async def test_first_event_of_an_accompaniment_waits_for_an_erasure_that_has_begun(desk: Desk) -> None:
    story = replace(await desk.story(), accompaniment_id=uuid4(), subject_ref=uuid4())
    async with desk.db.transaction() as tx:
        erasing = PostgresAccompaniments(tx, desk.runtime.vault())
        await erasing.of_person(story.subject_ref)
        hearing = asyncio.create_task(desk.hear(story, story.activated()))
        await somebody_waits(desk, hearing)
        await erasing.forget(story.subject_ref)
    await hearing
    await nowhere(desk, story)
