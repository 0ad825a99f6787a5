"""Sessions over HTTP: opened by providers, listed for whoever looks for one, cancelled with priority for who was in."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

Desk = Any
ASSOCIATION, COUNCIL, SERVICE = UUID(int=0xA1), UUID(int=0xC1), UUID(int=0xF1)
PROVIDER, OTHER_PROVIDER = UUID(int=0xD1), UUID(int=0xD2)
THEME = "numerique--maitriser-les-fondamentaux-du-numerique"
OTHER_THEME = "numerique--acceder-a-une-connexion-internet"


async def test_session_is_opened_told_and_shown(desk: Desk) -> None:
    answer = await desk.post("/sessions", PROVIDER, desk.body(), key="one")
    again = await desk.post("/sessions", PROVIDER, desk.body(), key="one")

    assert answer.status_code == again.status_code == 201
    shown = answer.json()
    assert again.json() == shown
    assert answer.headers["location"] == f"/sessions/{shown['session_id']}"
    assert (shown["status"], shown["seats"], shown["free"], shown["waiting"]) == ("open", 10, 10, 0)
    assert shown["commune"] == {"code": "93048", "name": "Montreuil"}
    assert (shown["organisation"]["code"], shown["allowed"]) == ("of93", ["cancellation"])
    (told,) = await desk.told()
    assert (told.event.theme, told.event.commune, told.event.seats, told.event.hours) == (THEME, "93048", 10, 12)
    assert (told.event.organisation_id, str(told.event.session_id)) == (PROVIDER, shown["session_id"])

    seen = (await desk.get(f"/sessions/{shown['session_id']}")).json()
    assert seen == {**shown, "allowed": []}


BAD_FIELDS: list[tuple[str, object]] = [
    ("title", "  "), ("title", "x" * 121), ("title", "deux\nlignes"), ("theme", "poterie"), ("seats", -1),
    ("seats", 1001), ("seats", "10"), ("seats", True), ("hours", 0), ("starts_at", "2026-05-01"),
    ("starts_at", 1777000000), ("starts_at", "2026-05-01T10:00:00"), ("starts_at", "9999-12-31T23:59:59-14:00"),
    ("starts_at", "2026-03-02T09:30:00Z"), ("starts_at", "2031-01-01T00:00:00Z"), ("place", None), ("trainer", "x"),
]  # fmt: skip


async def test_session_that_cannot_be_is_refused_by_field(desk: Desk, subtests: pytest.Subtests) -> None:
    for field, value in BAD_FIELDS:
        with subtests.test(field=field, value=value):
            answer = await desk.post("/sessions", PROVIDER, desk.body(**{field: value}))
            assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
            assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await desk.rows("SELECT FROM sessions") == []


async def test_commune_is_of_the_official_code(desk: Desk) -> None:
    unknown = await desk.post("/sessions", PROVIDER, desk.body(commune="93999"))
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_commune")
    # An arrondissement means its commune.
    session_id = await desk.session(commune="75111")
    assert (await desk.get(f"/sessions/{session_id}")).json()["commune"]["code"] == "75056"
    (found,) = (await desk.get("/sessions", commune="75120")).json()["items"]
    assert found["session_id"] == session_id


async def test_only_providers_open_sessions_and_only_their_own_cancel_them(desk: Desk) -> None:
    for by in (COUNCIL, SERVICE, ASSOCIATION):
        assert (await desk.post("/sessions", by, desk.body())).status_code == 403
    assert (await desk.get("/sessions", ASSOCIATION)).status_code == 403
    session_id = await desk.session()
    path, reason = f"/sessions/{session_id}/cancellation", {"reason": "no_room"}
    assert (await desk.post(path, COUNCIL, reason)).status_code == 403
    other = await desk.post(path, OTHER_PROVIDER, reason)
    nobody = await desk.post(f"/sessions/{uuid4()}/cancellation", OTHER_PROVIDER, reason)
    assert (other.status_code, other.json()) == (404, nobody.json())
    assert (await desk.http.get("/sessions")).status_code == 401


async def test_list_shows_what_can_be_asked_for_the_soonest_first(desk: Desk) -> None:
    def at(days: int) -> str:
        return str((desk.clock.now() + timedelta(days=days)).isoformat())

    late, soon = await desk.session(starts_at=at(20)), await desk.session(starts_at=at(5))
    elsewhere = await desk.session(commune="93066", starts_at=at(6), by=OTHER_PROVIDER)
    other = await desk.session(theme=OTHER_THEME, starts_at=at(7))
    cancelled = await desk.session(starts_at=at(8))
    await desk.post(f"/sessions/{cancelled}/cancellation", PROVIDER, {"reason": "other"})

    async def ids(**params: Any) -> list[str]:
        answer = await desk.get("/sessions", **params)
        assert answer.status_code == 200, answer.text
        return [item["session_id"] for item in answer.json()["items"]]

    assert await ids() == [soon, elsewhere, other, late]
    assert await ids(theme=THEME) == [soon, elsewhere, late]
    assert await ids(theme=THEME, commune="93048") == [soon, late]
    first = (await desk.get("/sessions", limit=2)).json()
    assert await ids(limit=2, after=first["cursor"]) == [other, late]
    assert (await desk.get("/sessions", limit=4)).json()["cursor"] is None
    desk.clock.advance(timedelta(days=5))
    assert await ids(theme=THEME) == [elsewhere, late]
    for bad in ({"after": "x"}, {"limit": 101}, {"commune": "93999"}, {"theme": "x"}):
        assert (await desk.get("/sessions", **bad)).status_code == 422


async def test_cancelled_session_puts_everybody_on_the_list_of_the_next(desk: Desk) -> None:
    session_id = await desk.session(seats=2)
    held, confirmed, waiting = [await desk.enrolled(session_id) for _ in range(3)]
    await desk.command(confirmed, "confirmation")
    withdrawn = await desk.enrolled(session_id)
    await desk.command(withdrawn, "withdrawal", COUNCIL)

    answer = await desk.post(f"/sessions/{session_id}/cancellation", PROVIDER, {"reason": "no_trainer"}, key="one")
    again = await desk.post(f"/sessions/{session_id}/cancellation", PROVIDER, {"reason": "no_trainer"}, key="one")

    assert (answer.status_code, answer.json()["status"], answer.json()["allowed"]) == (200, "cancelled", [])
    assert (answer.json()["free"], answer.json()["waiting"], again.json()) == (0, 0, answer.json())
    (_, cancelled) = await desk.told(session_id)
    assert (cancelled.event.reason, cancelled.event.aggregate_version) == ("no_trainer", 2)
    for rank, enrolment_id in enumerate((held, confirmed, waiting), start=1):
        last = (await desk.told(enrolment_id))[-1]
        assert (type(last.event).__name__, last.event.rank) == ("EnrolmentWaitlisted", rank)
        assert last.envelope.causation_id == cancelled.envelope.id
        shown = (await desk.get(f"/enrolments/{enrolment_id}")).json()
        assert (shown["status"], shown["rank"], shown["session"]["status"]) == ("waitlisted", rank, "cancelled")
        assert [step["status"] for step in shown["history"]][-2:] == ["session_cancelled", "waitlisted"]
    assert await desk.status(withdrawn) == "withdrawn"
    # Their confirmed and held seats tell no story in which anybody else's id appears.
    stories = {one.envelope.correlation_id for one in await desk.told(held, confirmed, waiting)}
    assert len(stories) == 3

    without_key = await desk.post(f"/sessions/{session_id}/cancellation", PROVIDER, {"reason": "other"}, key=None)
    assert (without_key.status_code, without_key.json()["code"]) == (409, "illegal_transition")
    late = await desk.ask(await desk.story(), session_id)
    assert (late.status_code, late.json()["status"]) == (201, "ineligible")


async def test_session_that_has_begun_is_not_cancelled(desk: Desk) -> None:
    session_id = await desk.session()
    attending = await desk.enrolled(session_id)
    await desk.command(attending, "confirmation")
    desk.clock.advance(timedelta(days=30))
    await desk.command(attending, "start")

    refused = await desk.post(f"/sessions/{session_id}/cancellation", PROVIDER, {"reason": "no_trainer"})

    assert (refused.status_code, refused.json()["code"]) == (409, "session_started")
    seen = (await desk.get(f"/sessions/{session_id}", PROVIDER)).json()
    assert (seen["status"], seen["allowed"]) == ("open", [])
    assert await desk.status(attending) == "attending"


async def test_who_lost_a_session_comes_first_in_the_next_of_its_theme(desk: Desk) -> None:
    session_id = await desk.session(seats=3)
    first, second, third = [await desk.enrolled(session_id) for _ in range(3)]
    await desk.post(f"/sessions/{session_id}/cancellation", PROVIDER, {"reason": "no_room"})
    none = await desk.session(seats=0)
    for unrelated in (await desk.session(theme=OTHER_THEME), await desk.session(by=OTHER_PROVIDER), none):
        assert (await desk.get(f"/sessions/{unrelated}")).json()["waiting"] == 0

    following = await desk.session(seats=2)

    for enrolment_id in (first, second):
        shown = (await desk.get(f"/enrolments/{enrolment_id}")).json()
        assert (shown["status"], shown["session"]["session_id"]) == ("seat_offered", following)
        offered = (await desk.told(enrolment_id))[-1].event
        assert (str(offered.session_id), offered.starts_at.isoformat()) == (
            following, shown["session"]["starts_at"].replace("Z", "+00:00")
        )  # fmt: skip
    newcomer = await desk.enrolled(following)
    ranks = [(await desk.get(f"/enrolments/{one}")).json()["rank"] for one in (third, newcomer)]
    assert ranks == [1, 2]
    await desk.command(first, "refusal", COUNCIL, {"refused_by": "person"})
    assert (await desk.status(third), await desk.status(newcomer)) == ("seat_offered", "waitlisted")
    await desk.check_seats()


async def test_cancelling_and_asking_at_once_leaves_nobody_behind(desk: Desk) -> None:
    session_id = await desk.session(seats=5)
    stories = await desk.stories(8)
    asking = [desk.ask(story, session_id) for story in stories]
    path = f"/sessions/{session_id}/cancellation"
    answers = await asyncio.gather(*asking, desk.post(path, PROVIDER, {"reason": "no_room"}))
    assert all(answer.status_code in (200, 201) for answer in answers)
    rows = await desk.rows("SELECT status, waits_on FROM enrolments")
    assert {row["status"] for row in rows} <= {"waitlisted", "ineligible"}
    assert all((row["status"] == "waitlisted") == (row["waits_on"] not in (None, UUID(session_id))) for row in rows)
