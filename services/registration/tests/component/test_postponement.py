"""Postponing is never held against anybody: whoever asks, and however often, nothing is left but dates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chassis.testing.events import COUNCIL
from maillage_contracts import AppointmentPostponed

from .conftest import EMPLOYMENT, START, at

Desk = Any


def moment(days: int) -> Any:
    return START.fromisoformat(at(days))


async def postpone_twice(desk: Desk, appointment_id: str, token: str, by: str) -> None:
    for date in (at(2), at(3)):
        if by == "person":
            answer = await desk.by_link(token, "postponement", {"starts_at": date})
        else:
            organisation = COUNCIL if by == "organiser" else EMPLOYMENT
            answer = await desk.command(
                appointment_id, "postponement", {"starts_at": date}, by=organisation, key=f"key-{date}"
            )
        assert (answer.status_code, answer.json()["starts_at"]) == (200, date)


async def test_two_postponements_leave_nothing_but_two_dates(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    token = await desk.link(story, appointment_id)
    before = await desk.tables()
    told_before = len(await desk.told())

    await postpone_twice(desk, appointment_id, token, "person")

    after = await desk.tables()
    assert {name for name in after if after[name] != before[name]} == {"appointments", "appointment_dates", "outbox"}
    assert [tuple(row.values()) for row in after["appointment_dates"]] == [
        (row["appointment_id"], moment(day)) for row in after["appointments"] for day in (1, 2)
    ]
    (was,), (now) = before["appointments"], after["appointments"][0]
    assert {column for column in now.keys() if now[column] != was[column]} == {"version", "starts_at", "options"}  # noqa: SIM118  # a Record iterates over its values
    told = [one.event for one in (await desk.told())[told_before:]]
    assert [type(event).__name__.removeprefix("Appointment") for event in told] == [
        "Postponed", "Booked", "Postponed", "Booked"
    ]  # fmt: skip
    assert [event.previous_starts_at for event in told if isinstance(event, AppointmentPostponed)] == [
        moment(1), moment(2)
    ]  # fmt: skip
    assert [event.aggregate_version for event in told] == [3, 4, 5, 6]


async def test_what_is_left_does_not_depend_on_who_asked(desk: Desk) -> None:
    story = await desk.accompanied()
    left = []
    for by in ("person", "organiser", "partner"):
        appointment_id = await desk.booked(story)
        token = await desk.link(story, appointment_id)
        before = await desk.tables()
        await postpone_twice(desk, appointment_id, token, by)
        after = await desk.tables()
        changed = {name: [row for row in after[name] if row not in before[name]] for name in after}
        left.append({name: [anonymous(row) for row in rows] for name, rows in changed.items() if rows})
    assert left[0] == left[1] == left[2]
    assert left[0].keys() == {"appointments", "appointment_dates", "outbox"}


def anonymous(row: Any) -> dict[str, Any]:
    """Return a row without what differs from one appointment, or one event, to the next."""
    plain = dict(row)
    for name in ("appointment_id", "aggregateid", "id", "position", "created_at", "place"):
        plain.pop(name, None)
    if "payload" in plain:
        plain["payload"] = {k: v for k, v in json.loads(plain["payload"]).items() if k != "appointment_id"}
        plain["headers"] = sorted(json.loads(plain["headers"]))
    return plain


@pytest.mark.parametrize("body", [{"reason": "ill"}, {"starts_at": at(2), "comment": "x"}, {"by": "person"}])
async def test_there_is_no_room_for_a_reason(desk: Desk, body: dict[str, Any]) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    token = await desk.link(story, appointment_id)
    for answer in (
        await desk.command(appointment_id, "postponement", body),
        await desk.by_link(token, "postponement", body),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert await desk.rows("SELECT * FROM appointment_dates") == []


async def test_no_column_could_count_explain_or_name(desk: Desk) -> None:
    columns = {
        (row["t"], row["c"])
        for row in await desk.rows(
            "SELECT table_name AS t, column_name AS c FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name LIKE 'appointment%'"
        )
    }
    assert {column for table, column in columns if table == "appointment_dates"} == {"appointment_id", "starts_at"}
    assert {column for table, column in columns if table == "appointments"} == {
        "appointment_id", "version", "state", "accompaniment_id", "subject_ref", "organiser_id", "council_id",
        "employment_id", "modality", "duration_minutes", "place", "options", "starts_at",
    }  # fmt: skip


async def test_postponing_without_another_date_waits_for_one(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    token = await desk.link(story, appointment_id)
    postponed = (await desk.by_link(token, "postponement")).json()
    assert (postponed["status"], postponed["starts_at"]) == ("postponed", None)
    assert (postponed["options"], postponed["can"]) == ([at(2), at(3)], ["booking", "cancellation"])
    assert postponed["history_dates"] == [at(1)]
    # A second click finds it done, and leaves nothing.
    before = await desk.tables()
    assert (await desk.by_link(token, "postponement")).status_code == 409
    assert await desk.tables() == before
    assert (await desk.by_link(token, "booking", {"starts_at": at(3)})).json()["starts_at"] == at(3)


async def test_postponing_to_a_date_that_is_gone_leaves_the_one_that_is_agreed(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    before = await desk.tables()
    refused = await desk.command(appointment_id, "postponement", {"starts_at": at(7)})
    assert (refused.status_code, refused.json()["code"]) == (409, "option_gone")
    assert await desk.tables() == before


async def test_new_date_of_the_organiser_is_booked_at_once_and_asked_twice_stays(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    body = {"instead_of": at(1), "starts_at": at(9)}
    moved = await desk.command(appointment_id, "postponement", body)
    assert (moved.status_code, moved.json()["status"], moved.json()["starts_at"]) == (200, "booked", at(9))
    assert moved.json()["options"] == [at(2), at(3)]
    before = await desk.tables()
    again = await desk.command(appointment_id, "postponement", body)
    assert (again.status_code, again.json()["code"]) == (409, "date_changed")
    assert await desk.tables() == before


@pytest.mark.parametrize(
    ("by", "days", "code"),
    [(COUNCIL, 400, "validation_failed"), (COUNCIL, -1, "validation_failed"), (EMPLOYMENT, 9, "option_gone")],
)
async def test_new_date_that_cannot_be_leaves_the_one_that_is_agreed(desk: Desk, by: Any, days: int, code: str) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    before = await desk.tables()
    body = {"instead_of": at(1), "starts_at": at(days)}
    refused = await desk.command(appointment_id, "postponement", body, by=by)
    assert refused.json()["code"] == code
    assert await desk.tables() == before


@pytest.mark.parametrize("act", ["postponement", "cancellation"])
async def test_page_that_shows_an_older_date_takes_no_newer_one_away(desk: Desk, act: str) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    token = await desk.link(story, appointment_id)
    moved = await desk.by_link(token, "postponement", {"instead_of": at(1), "starts_at": at(2)})
    assert moved.status_code == 200
    before = await desk.tables()
    for refused in (
        await desk.command(appointment_id, act, {"instead_of": at(1)}),
        await desk.by_link(token, act, {"instead_of": at(1)}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "date_changed")
    assert await desk.tables() == before
    assert (await desk.by_link(token, act, {"instead_of": at(2)})).status_code == 200


async def test_date_given_up_twice_is_one_row(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    for _ in range(2):
        await desk.command(appointment_id, "postponement")
        await desk.command(appointment_id, "options", {"options": [at(1)]})
        assert (await desk.command(appointment_id, "booking", {"starts_at": at(1)})).status_code == 200
    assert len(await desk.rows("SELECT * FROM appointment_dates")) == 1
