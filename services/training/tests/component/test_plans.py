"""What the events of an accompaniment do: a plan enrols and withdraws, once each, in the story of the accompaniment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.testing.events import source_of_event
from maillage_contracts import PersonErased
from training.adapters.postgres.accompaniments import KNOWN
from training.adapters.postgres.book import LOCK_SESSION, PostgresBook

Desk = Any
COUNCIL, SERVICE, PROVIDER = UUID(int=0xC1), UUID(int=0xF1), UUID(int=0xD1)
TABLES = ("enrolments", "enrolment_history", "known_accompaniments", "sessions", "outbox", "timers")


WAITS = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def gone(subject_ref: UUID) -> PersonErased:
    return PersonErased(subject_ref=subject_ref, aggregate_version=9, erased_at=datetime(2026, 3, 3, tzinfo=UTC))


async def kept(desk: Desk) -> list[Any]:
    return [await desk.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TABLES]


async def only(desk: Desk) -> str:
    (row,) = await desk.rows("SELECT enrolment_id FROM enrolments")
    return str(row["enrolment_id"])


async def test_training_action_of_a_plan_asks_for_a_seat_in_its_story(desk: Desk) -> None:
    session_id, story, action = await desk.session(), await desk.story(), uuid4()
    (source,) = await desk.hear(story, story.plan((action, session_id, "planned"), by=SERVICE))

    enrolment_id = await only(desk)
    shown = (await desk.get(f"/enrolments/{enrolment_id}")).json()
    assert (shown["status"], shown["action_id"]) == ("seat_held", str(action))
    assert (shown["history"][0]["by"], shown["history"][0]["organisation_name"]) == (
        "employment_service", "Service de l’emploi exemple"
    )  # fmt: skip
    cause = UUID(dict(source.headers)["ce_id"].decode())
    for one in await desk.told(enrolment_id):
        assert one.envelope.correlation_id == story.correlation_id
        assert one.envelope.causation_id == cause
        assert one.event.subject_ref == story.subject_ref


async def test_second_delivery_changes_nothing(desk: Desk) -> None:
    session_id, story = await desk.session(), await desk.story()
    plan = story.plan((uuid4(), session_id, "planned"))
    (source,) = await desk.hear(story, plan)
    before = await kept(desk)

    await desk.consume(source)
    # The same event under another id, as a producer that lost its outbox would send it.
    await desk.consume(desk.source(story, plan))
    # The same plan, said again later.
    await desk.hear(story, replace_version(plan, story.version + 1))

    after = await kept(desk)
    after[2] = before[2]
    assert after == before


def replace_version(event: Any, version: int) -> Any:
    return event.model_copy(update={"aggregate_version": version})


async def test_redone_work_makes_the_same_ids(desk: Desk) -> None:
    session_id, story = await desk.session(seats=1), await desk.story()
    actions = [(uuid4(), session_id, "planned"), (uuid4(), str(uuid4()), "planned")]
    source = desk.source(story, story.plan(*actions))
    await desk.consume(source)
    first = [one.envelope.id for one in await desk.told() if one.envelope.causation_id]
    ids = {row["enrolment_id"] for row in await desk.rows("SELECT enrolment_id FROM enrolments")}
    async with desk.db.transaction() as tx:
        await tx.execute("TRUNCATE enrolments, enrolment_history, known_accompaniments, inbox, outbox")
        await tx.execute("UPDATE sessions SET taken = 0")

    await desk.consume(source)

    assert [one.envelope.id for one in await desk.told() if one.envelope.causation_id] == first
    assert {row["enrolment_id"] for row in await desk.rows("SELECT enrolment_id FROM enrolments")} == ids


async def test_dropped_action_is_withdrawn_and_its_seat_offered(desk: Desk) -> None:
    session_id, action = await desk.session(seats=1), uuid4()
    story = await desk.story()
    await desk.hear(story, story.plan((action, session_id, "planned")))
    enrolment_id = await only(desk)
    waiting = await desk.enrolled(session_id)

    (dropped,) = await desk.hear(story, story.plan((action, session_id, "dropped"), by=SERVICE))

    assert (await desk.status(enrolment_id), await desk.status(waiting)) == ("withdrawn", "seat_offered")
    last = (await desk.get(f"/enrolments/{enrolment_id}")).json()["history"][-1]
    assert (last["status"], last["by"]) == ("withdrawn", "employment_service")
    cause = UUID(dict(dropped.headers)["ce_id"].decode())
    withdrawn, offered = (await desk.told(enrolment_id))[-1], (await desk.told(waiting))[-1]
    assert withdrawn.envelope.causation_id == offered.envelope.causation_id == cause
    assert withdrawn.envelope.correlation_id == story.correlation_id != offered.envelope.correlation_id
    # To ask again is another action.
    await desk.hear(story, story.plan((action, session_id, "planned")))
    assert await desk.status(enrolment_id) == "withdrawn"


async def test_action_that_names_another_session_goes_there(desk: Desk) -> None:
    one, other, action = await desk.session(), await desk.session(), uuid4()
    story = await desk.story()
    await desk.hear(story, story.plan((action, one, "planned")))
    await desk.hear(story, story.plan((action, other, "planned")))
    rows = await desk.rows("SELECT session_id, status FROM enrolments ORDER BY requested_at, status")
    assert {str(row["session_id"]): row["status"] for row in rows} == {one: "withdrawn", other: "seat_held"}
    await desk.check_seats()


async def test_older_plan_changes_nothing(desk: Desk) -> None:
    session_id, action, story = await desk.session(), uuid4(), await desk.story()
    older, newer = story.plan(), story.plan((action, session_id, "planned"))
    await desk.hear(story, newer)
    await desk.hear(story, older)
    assert await desk.status(await only(desk)) == "seat_held"


async def test_plan_is_enough_where_nothing_was_heard_before(desk: Desk) -> None:
    # This service was started after the accompaniment: its first events have left the topic.
    from_nowhere = replace(await desk.story(), accompaniment_id=uuid4())
    await desk.hear(from_nowhere, from_nowhere.plan((uuid4(), await desk.session(), "planned")))
    assert await desk.status(await only(desk)) == "seat_held"


async def test_session_that_does_not_exist_is_told_as_such(desk: Desk) -> None:
    story = await desk.story()
    await desk.hear(story, story.plan((uuid4(), uuid4(), "planned")))
    enrolment_id = await only(desk)
    requested, found = await desk.told(enrolment_id)
    assert (found.event.reason, found.event.routing.training_organisation_id) == ("unknown_session", None)
    assert requested.event.starts_at == found.event.starts_at == desk.clock.now()
    shown = (await desk.get(f"/enrolments/{enrolment_id}")).json()
    assert (shown["status"], shown["session"], shown["allowed"]) == ("ineligible", None, [])
    assert (await desk.command(enrolment_id, "withdrawal", COUNCIL)).status_code == 409
    await desk.hear(story, story.ended())
    assert await desk.status(enrolment_id) == "ineligible"


async def test_ended_accompaniment_withdraws_what_is_not_over(desk: Desk) -> None:
    story, actions = await desk.story(), [uuid4() for _ in range(3)]
    sessions = [await desk.session(starts_at=(desk.clock.now() + timedelta(days=1)).isoformat()) for _ in actions]
    await desk.hear(
        story, story.plan(*((action, id_, "planned") for action, id_ in zip(actions, sessions, strict=True)))
    )
    rows = await desk.rows("SELECT enrolment_id, session_id FROM enrolments")
    ids = {str(row["session_id"]): str(row["enrolment_id"]) for row in rows}
    completed, attending, held = (ids[session_id] for session_id in sessions)
    await desk.command(completed, "confirmation")
    await desk.command(attending, "confirmation")
    desk.clock.advance(timedelta(days=1))
    await desk.command(completed, "start")
    await desk.command(completed, "completion")
    await desk.command(attending, "start")

    await desk.hear(story, story.ended(by=SERVICE))

    assert [await desk.status(one) for one in (completed, attending, held)] == ["completed", "withdrawn", "withdrawn"]
    assert (await desk.get(f"/enrolments/{held}")).json()["history"][-1]["by"] == "employment_service"
    await desk.check_seats()


async def test_request_over_http_is_the_plans_once_the_plan_names_it(desk: Desk) -> None:
    session_id, action, story = await desk.session(), uuid4(), await desk.story()
    early = await desk.ask(story, session_id, action=action)
    # A plan older than the action says nothing of it.
    await desk.hear(story, story.plan())
    assert await desk.status(early.json()["enrolment_id"]) == "seat_held"

    await desk.hear(story, story.plan((action, session_id, "planned")))
    late = await desk.ask(story, session_id, action=action)
    assert (late.status_code, late.json()["enrolment_id"]) == (200, early.json()["enrolment_id"])

    await desk.hear(story, story.plan())
    assert await desk.status(await only(desk)) == "withdrawn"


@pytest.mark.parametrize("erased", [False, True], ids=["plans", "erasures"])
async def test_batch_holds_no_session_while_it_waits_for_one_of_its_accompaniments(desk: Desk, erased: bool) -> None:
    """A request holds its accompaniment, then wants the session: whoever holds the session must not want the former."""
    session_id, (first, second) = UUID(await desk.session()), await desk.stories(2)
    batch = [desk.source(one, one.plan((uuid4(), session_id, "planned"))) for one in (first, second)]
    if erased:
        await desk.processors[batch[0].topic].process(batch)
        batch = [source_of_event(gone(one.subject_ref), offset=n) for n, one in enumerate((first, second))]
    async with desk.db.transaction() as request:
        await request.fetchrow(KNOWN, second.accompaniment_id)
        handled = asyncio.create_task(desk.processors[batch[0].topic].process(batch))
        async with asyncio.timeout(20):
            while not await desk.rows(WAITS):
                await asyncio.sleep(0.01)
        assert await request.fetchrow(LOCK_SESSION + " NOWAIT", session_id)
    await handled
    (row,) = await desk.rows("SELECT count(*) AS n FROM enrolments WHERE status = 'seat_held'")
    assert row["n"] == (0 if erased else 2)


async def test_plans_that_meet_in_opposite_orders_all_end(desk: Desk) -> None:
    sessions = [await desk.session(seats=3) for _ in range(6)]
    stories = await desk.stories(8)

    def sources(order: list[str], people: list[Any]) -> list[Any]:
        return [
            desk.source(story, story.plan(*((uuid4(), session_id, "planned") for session_id in order)))
            for story in people
        ]

    processor = desk.processors["referrals-accompaniment-v1"]
    forwards, backwards = sources(sessions, stories[:4]), sources(sessions[::-1], stories[4:])
    await asyncio.gather(processor.process(forwards), processor.process(backwards))

    assert await desk.rows("SELECT FROM dead_letters") == []
    rows = await desk.rows("SELECT status, count(*) AS n FROM enrolments GROUP BY status")
    assert {row["status"]: row["n"] for row in rows} == {"seat_held": 18, "waitlisted": 30}
    await desk.check_seats()


async def test_enrolment_that_went_elsewhere_while_we_looked_is_taken_up_again(desk: Desk) -> None:
    cancelled = await desk.session(seats=1)
    enrolment_id = await desk.enrolled(cancelled)
    await desk.post(f"/sessions/{cancelled}/cancellation", PROVIDER, {"reason": "no_room"})
    async with desk.db.transaction() as tx:
        await PostgresBook(tx).waiting_on((await desk.rows("SELECT waits_on FROM enrolments"))[0]["waits_on"])
        withdrawing = asyncio.create_task(desk.command(enrolment_id, "withdrawal", COUNCIL))
        while not await desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # locks ring no bell
            await asyncio.sleep(0.01)
        await tx.execute("UPDATE enrolments SET session_id = $1", uuid4())
    answer = await withdrawing
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert await desk.status(enrolment_id) == "waitlisted"
