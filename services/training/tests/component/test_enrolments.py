"""Enrolments over HTTP: asked for, confirmed, attended, ended, by whom it concerns and nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

Desk = Any
ASSOCIATION = UUID(int=0xA1)
COUNCIL, OTHER_COUNCIL = UUID(int=0xC1), UUID(int=0xC2)
SERVICE, OTHER_SERVICE = UUID(int=0xF1), UUID(int=0xF2)
PROVIDER, OTHER_PROVIDER = UUID(int=0xD1), UUID(int=0xD2)
MONTH = timedelta(days=30)


async def test_seat_is_asked_for_held_and_confirmed(desk: Desk) -> None:
    session_id, story, action = await desk.session(), await desk.story(), uuid4()
    answer = await desk.ask(story, session_id, action=action, key="one")
    shown = answer.json()
    again = await desk.ask(story, session_id, action=action, key="one")

    assert (answer.status_code, again.status_code, again.json()) == (201, 201, shown)
    assert answer.headers["location"] == f"/enrolments/{shown['enrolment_id']}"
    assert (shown["status"], shown["rank"], shown["offer_expires_at"]) == ("seat_held", None, None)
    assert (shown["session"]["session_id"], shown["action_id"]) == (session_id, str(action))
    assert [(step["status"], step["by"], step["organisation_name"]) for step in shown["history"]] == [
        ("requested", "council", "Département exemple"), ("eligible", "system", None), ("seat_held", "system", None),
    ]  # fmt: skip
    assert shown["allowed"] == ["refusal", "withdrawal"]

    confirmed = (await desk.command(shown["enrolment_id"], "confirmation")).json()
    assert (confirmed["status"], confirmed["allowed"]) == ("confirmed", [])
    assert (confirmed["history"][-1]["by"], confirmed["history"][-1]["organisation_name"]) == (
        "provider", "Organisme exemple"
    )  # fmt: skip
    told = await desk.told(shown["enrolment_id"])
    assert [type(one.event).__name__ for one in told] == [
        "EnrolmentRequested", "EnrolmentSeatHeld", "EnrolmentConfirmed"
    ]  # fmt: skip
    for one in told:
        assert one.envelope.correlation_id == story.correlation_id
        assert one.envelope.causation_id is None
        assert (one.event.subject_ref, one.event.referral_id) == (story.subject_ref, story.referral_id)
        assert one.event.routing.training_organisation_id == PROVIDER
        assert one.event.routing.employment_organisation_id == SERVICE
    assert str(story.subject_ref) not in answer.text


async def test_same_action_and_session_is_one_enrolment_whatever_the_key(desk: Desk) -> None:
    session_id, story, action = await desk.session(), await desk.story(), uuid4()
    answers = await asyncio.gather(
        *(desk.ask(story, session_id, action=action, by=by) for by in (COUNCIL, SERVICE, COUNCIL))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    assert len({answer.json()["enrolment_id"] for answer in answers}) == 1
    assert await desk.names() == ["TrainingSessionOpened", "Requested", "SeatHeld"]


async def test_one_person_takes_one_seat(desk: Desk) -> None:
    session_id, story = await desk.session(), await desk.story()
    first = await desk.enrolled(session_id, story)
    second = (await desk.ask(story, session_id)).json()
    assert (second["status"], second["history"][-1]["reason"]) == ("ineligible", "already_enrolled")
    assert (await desk.get(f"/sessions/{session_id}")).json()["free"] == 9
    await desk.command(first, "withdrawal", COUNCIL)
    assert (await desk.ask(story, session_id)).json()["status"] == "seat_held"


async def test_nobody_learns_that_the_person_is_accompanied_elsewhere(desk: Desk) -> None:
    session_id, story = await desk.session(), await desk.story()
    await desk.enrolled(session_id, story)
    elsewhere = replace(story, accompaniment_id=uuid4(), referral_id=uuid4(), correlation_id=uuid4())
    await desk.hear(elsewhere, elsewhere.activated())

    shown = (await desk.ask(elsewhere, session_id)).json()

    assert (shown["status"], shown["history"][-1]["reason"]) == ("ineligible", "not_available")
    assert (await desk.told(shown["enrolment_id"]))[-1].event.reason == "not_available"
    assert (await desk.get(f"/sessions/{session_id}")).json()["free"] == 9


async def test_request_is_for_a_session_and_an_accompaniment_that_exist(desk: Desk) -> None:
    session_id, story = await desk.session(), await desk.story()
    unknown = await desk.ask(story, str(uuid4()))
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_session")
    assert [error["field"] for error in unknown.json()["errors"]] == ["session_id"]
    await desk.hear(story, story.ended())
    ended = await desk.ask(story, session_id)
    assert (ended.status_code, ended.json()["code"]) == (409, "accompaniment_not_active")
    assert await desk.rows("SELECT FROM enrolments") == []


async def test_request_for_a_session_that_began_is_told_why_not(desk: Desk) -> None:
    session_id = await desk.session()
    desk.clock.advance(MONTH)
    answer = await desk.ask(await desk.story(), session_id)
    assert (answer.status_code, answer.json()["status"]) == (201, "ineligible")
    assert answer.json()["history"][-1]["reason"] == "session_started"
    assert await desk.names(answer.json()["enrolment_id"]) == ["Requested", "FoundIneligible"]


async def test_attendance_is_the_providers_word_and_only_once_it_began(desk: Desk) -> None:
    session_id = await desk.session()
    attending, absent, leaving = [await desk.enrolled(session_id) for _ in range(3)]
    for one in (attending, absent, leaving):
        await desk.command(one, "confirmation")
    early = await desk.command(attending, "start")
    assert (early.status_code, early.json()["code"]) == (409, "session_not_started")
    desk.clock.advance(MONTH)

    assert (await desk.command(attending, "start")).json()["allowed"] == ["completion", "early-end"]
    assert (await desk.command(attending, "completion")).json()["status"] == "completed"
    no_show = await desk.command(absent, "early-end", body={"how": "no_show"})
    await desk.command(leaving, "start")
    assert (await desk.command(leaving, "early-end", body={"how": "no_show"})).status_code == 409
    dropped = await desk.command(leaving, "early-end", body={"how": "dropped_out"})

    assert (no_show.json()["status"], dropped.json()["status"]) == ("no_show", "dropped_out")
    assert await desk.names(attending) == ["Requested", "SeatHeld", "Confirmed", "Started", "Completed"]
    ends = [(await desk.told(one))[-1].event for one in (absent, leaving)]
    assert [event.how for event in ends] == ["no_show", "dropped_out"]
    for one in (attending, absent, leaving):
        assert (await desk.command(one, "withdrawal", COUNCIL)).status_code == 409
    await desk.check_seats()


async def test_each_does_its_own_part(desk: Desk) -> None:
    held = await desk.enrolled(await desk.session())
    for by in (COUNCIL, SERVICE):
        refused = await desk.command(held, "confirmation", by)
        assert (refused.status_code, refused.json()["code"]) == (409, "wrong_party")
        # Reading it is theirs all the same.
        assert (await desk.get(f"/enrolments/{held}", by)).status_code == 200
    assert (await desk.command(held, "withdrawal", PROVIDER)).status_code == 409
    assert (await desk.get(f"/enrolments/{held}", PROVIDER)).json()["allowed"] == ["confirmation", "refusal"]
    refusal = await desk.command(held, "refusal", PROVIDER, {"refused_by": "third_party"})
    assert refusal.json()["status"] == "refused_by_third_party"
    assert (await desk.told(held))[-1].event.refused_by == "third_party"
    assert await desk.names(held) == ["Requested", "SeatHeld", "Refused"]


COMMANDS: list[tuple[str, Any]] = [
    ("confirmation", None), ("refusal", {"refused_by": "person"}), ("withdrawal", None), ("start", None),
    ("completion", None), ("early-end", {"how": "no_show"}),
]  # fmt: skip


async def test_third_organisation_learns_of_nothing(desk: Desk, subtests: pytest.Subtests) -> None:
    session_id, story = await desk.session(), await desk.story()
    enrolment_id = await desk.enrolled(session_id, story)
    before = await desk.names()
    for by in (OTHER_COUNCIL, OTHER_SERVICE, OTHER_PROVIDER):
        for command, body in COMMANDS:
            with subtests.test(by=by, command=command):
                theirs = await desk.command(enrolment_id, command, by, body)
                nobodys = await desk.command(str(uuid4()), command, by, body)
                assert (theirs.status_code, theirs.json()) == (404, nobodys.json())
        assert (await desk.get(f"/enrolments/{enrolment_id}", by)).status_code == 404
        for query in ({"session_id": session_id}, {"accompaniment_id": str(story.accompaniment_id)}):
            assert (await desk.get("/enrolments", by, **query)).json()["items"] == []
        asked = await desk.ask(story, session_id, by=by)
        nowhere = await desk.post("/enrolments", by, {
            "session_id": session_id, "accompaniment_id": str(uuid4()), "action_id": str(uuid4())
        })  # fmt: skip
        assert (asked.status_code, asked.json()) == (404, nowhere.json())
    # The provider of the session is no side of the accompaniment.
    assert (await desk.ask(story, session_id, by=PROVIDER)).status_code == 404
    assert await desk.names() == before


async def test_scope_is_needed_for_each_act(desk: Desk) -> None:
    enrolment_id = await desk.enrolled(await desk.session())
    for command, body in COMMANDS:
        assert (await desk.command(enrolment_id, command, ASSOCIATION, body)).status_code == 403
        answer = await desk.http.post(f"/enrolments/{enrolment_id}/{command}", json=body)
        assert answer.status_code == 401
    for path in ("/enrolments", f"/enrolments/{enrolment_id}"):
        assert (await desk.get(path, ASSOCIATION)).status_code == 403
        assert (await desk.http.get(path)).status_code == 401
    reader = await desk.post("/enrolments", COUNCIL, {}, scope="sessions:read")
    assert (reader.status_code, reader.json()["code"]) == (403, "scope_missing")


async def test_repeat_is_answered_again_with_its_key_and_a_conflict_without(desk: Desk) -> None:
    held = await desk.enrolled(await desk.session())
    first = await desk.command(held, "confirmation", key="one")
    again = await desk.command(held, "confirmation", key="one")
    without = await desk.command(held, "confirmation")
    assert (again.status_code, again.json()) == (200, first.json())
    assert (without.status_code, without.json()["code"]) == (409, "illegal_transition")
    reused = await desk.command(held, "refusal", body={"refused_by": "nobody"})
    assert (reused.status_code, [error["field"] for error in reused.json()["errors"]]) == (422, ["refused_by"])
    missing = await desk.post("/enrolments", COUNCIL, {}, key=None)
    assert missing.status_code in (400, 422)
    assert await desk.names(held) == ["Requested", "SeatHeld", "Confirmed"]


async def test_lists_are_of_a_session_or_an_accompaniment_and_read_on(desk: Desk) -> None:
    session_id, story = await desk.session(seats=1), await desk.story()
    ids = []
    for one in [story, *await desk.stories(2)]:
        desk.clock.advance(timedelta(seconds=1))
        ids.append(await desk.enrolled(session_id, one))
    elsewhere = await desk.enrolled(await desk.session(by=OTHER_PROVIDER), story)

    page = (await desk.get("/enrolments", PROVIDER, session_id=session_id, limit=2)).json()
    rest = (await desk.get("/enrolments", PROVIDER, session_id=session_id, after=page["cursor"])).json()
    assert [item["enrolment_id"] for item in [*page["items"], *rest["items"]]] == ids
    assert [item["rank"] for item in [*page["items"], *rest["items"]]] == [None, 1, 2]
    assert page["items"][0]["allowed"] == ["confirmation", "refusal"]
    mine = (await desk.get("/enrolments", SERVICE, accompaniment_id=str(story.accompaniment_id))).json()["items"]
    assert {item["enrolment_id"] for item in mine} == {ids[0], elsewhere}
    both = {"accompaniment_id": str(story.accompaniment_id), "session_id": session_id}
    assert [item["enrolment_id"] for item in (await desk.get("/enrolments", **both)).json()["items"]] == [ids[0]]
    # A provider sees of an accompaniment what is in its own sessions.
    theirs = (await desk.get("/enrolments", OTHER_PROVIDER, accompaniment_id=str(story.accompaniment_id))).json()
    assert [item["enrolment_id"] for item in theirs["items"]] == [elsewhere]
    assert (await desk.get("/enrolments")).status_code == 422
