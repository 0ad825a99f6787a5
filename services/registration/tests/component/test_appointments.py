"""The two organisations act on an appointment: in order, each for itself, told once, whatever comes at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.testing.events import ASSOCIATION, COUNCIL
from registration.adapters.postgres.appointments import PostgresAppointments
from registration.domain.appointment import Ask
from registration.domain.appointment_table import Actor, Command

from .conftest import DAY, EMPLOYMENT, OTHER_COUNCIL, TRAINING, at

Desk = Any


async def told(desk: Desk, appointment_id: str) -> list[str]:
    """Return what was told of an appointment, after looking at the order and the story."""
    found = [one for one in await desk.told("registration-appointment") if one.envelope.subject == appointment_id]
    assert [one.event.aggregate_version for one in found] == list(range(1, len(found) + 1))
    assert len({one.envelope.correlation_id for one in found}) == 1
    return [type(one.event).__name__.removeprefix("Appointment") for one in found]


async def test_proposal_is_answered_and_told_in_the_story_of_the_accompaniment(desk: Desk) -> None:
    story = await desk.accompanied()
    answer = await desk.propose(story, options=[at(3), at(1)])

    assert answer.status_code == 201
    document = answer.json()
    assert answer.headers["location"] == f"/appointments/{document['appointment_id']}"
    assert document == {
        "appointment_id": document["appointment_id"], "accompaniment_id": str(story.accompaniment_id),
        "referral_id": str(story.referral_id), "subject_ref": str(story.subject_ref), "status": "proposed",
        "version": 1, "starts_at": None, "options": [at(1), at(3)], "modality": "in_person", "duration_minutes": 45,
        "place": "1 rue de l’Exemple, bureau 12",
        "organiser": {"organisation_id": str(COUNCIL), "code": "cd93", "name": "Département exemple"},
        "allowed": ["booking", "cancellation"],
    }  # fmt: skip
    (one,) = await desk.told("registration-appointment")
    assert one.envelope.correlation_id == story.correlation_id
    assert one.envelope.causation_id is None
    assert (one.event.organiser_organisation_id, one.event.routing) == (COUNCIL, story.activated().routing)
    assert [option.isoformat() for option in one.event.options] == [at(n).replace("Z", "+00:00") for n in (1, 3)]


@pytest.mark.parametrize(("last", "event"), [("holding", "Held"), ("absence", "Missed"), ("cancellation", "Cancelled")])
async def test_appointment_goes_its_way_in_order(desk: Desk, last: str, event: str) -> None:
    appointment_id = await desk.booked(await desk.accompanied())
    assert (await desk.command(appointment_id, "postponement")).json()["status"] == "postponed"
    assert (await desk.command(appointment_id, "options", {"options": [at(8), at(9)]})).json()["options"] == [
        at(8), at(9)
    ]  # fmt: skip
    booked = await desk.command(appointment_id, "booking", {"starts_at": at(8)})
    assert (booked.json()["status"], booked.json()["starts_at"]) == ("booked", at(8))
    desk.clock.advance(timedelta(days=8))
    assert (await desk.command(appointment_id, last)).status_code == 200
    assert await told(desk, appointment_id) == ["Proposed", "Booked", "Postponed", "Proposed", "Booked", event]


async def test_other_organisation_of_the_pair_may_book_and_postpone_and_judges_nothing(desk: Desk) -> None:
    appointment_id = await desk.proposed(await desk.accompanied())
    booked = await desk.command(appointment_id, "booking", {"starts_at": at(1)}, by=EMPLOYMENT)
    assert (booked.json()["status"], booked.json()["allowed"]) == ("booked", ["postponement"])
    for command in ("options", "holding", "absence", "cancellation"):
        body = {"options": [at(9)]} if command == "options" else None
        refused = await desk.command(appointment_id, command, body, by=EMPLOYMENT)
        assert (refused.status_code, refused.json()["code"]) == (409, "wrong_party")
    assert (await desk.command(appointment_id, "postponement", by=EMPLOYMENT)).status_code == 200


async def test_nobody_else_finds_an_appointment(desk: Desk) -> None:
    appointment_id = await desk.booked(await desk.accompanied())
    for path, body in (
        ("booking", {"starts_at": at(2)}), ("postponement", None), ("options", {"options": [at(5)]}),
        ("holding", None), ("absence", None), ("cancellation", None),
    ):  # fmt: skip
        answer = await desk.command(appointment_id, path, body, by=OTHER_COUNCIL)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert (await desk.command(str(uuid4()), path, body)).status_code == 404
    headers = desk.pair(OTHER_COUNCIL)
    assert (await desk.http.get(f"/appointments/{appointment_id}", headers=headers)).status_code == 404
    assert (await desk.http.get("/appointments", headers=headers)).json()["items"] == []
    assert await told(desk, appointment_id) == ["Proposed", "Booked"]


async def test_nothing_is_done_without_the_scope(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    for headers, status in (({}, 401), (desk.pair(ASSOCIATION, "referrals:write referrals:read feed:read"), 403)):
        for method, path in (
            ("POST", "/appointments"), ("GET", "/appointments"), ("GET", f"/appointments/{appointment_id}"),
            ("POST", f"/appointments/{appointment_id}/postponement"), ("GET", f"/persons/{story.subject_ref}/tiers"),
        ):  # fmt: skip
            assert (await desk.http.request(method, path, headers=headers)).status_code == status


@pytest.mark.parametrize("by", [OTHER_COUNCIL, TRAINING, ASSOCIATION])
async def test_only_the_two_of_an_active_accompaniment_propose(desk: Desk, by: UUID) -> None:
    story = await desk.accompanied()
    refused = await desk.propose(story, by=by)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


async def test_nobody_proposes_before_both_agreed_nor_after_the_end(desk: Desk) -> None:
    story = await desk.person()
    assert (await desk.propose(story)).status_code == 404
    await desk.hear(story.proposed())
    assert (await desk.propose(story)).status_code == 404
    await desk.hear(story.activated())
    appointment_id = await desk.booked(story)
    await desk.hear(story.ended())

    assert (await desk.propose(story)).status_code == 404
    assert (await desk.command(appointment_id, "postponement")).status_code == 200
    assert (await desk.command(appointment_id, "options", {"options": [at(9)]})).status_code == 409
    assert (await desk.command(appointment_id, "cancellation")).json()["status"] == "cancelled_by_service"


BAD: list[tuple[str, dict[str, Any]]] = [
    ("options", {"options": []}),
    ("options", {"options": [at(n) for n in range(1, 7)]}),
    ("options", {"options": [at(1), at(1)]}),
    ("options[0]", {"options": [at(0)]}),
    ("options[1]", {"options": [at(1), at(400)]}),
    ("options[0]", {"options": ["2026-03-24T13:00:00"]}),
    ("options[0]", {"options": [1774357200]}),
    ("options[0]", {"options": ["0001-01-01T00:00:00+14:00"]}),
    ("modality", {"modality": "telepathy"}),
    ("place", {"modality": "phone", "place": "06 39 98 00 00"}),
    ("place", {"place": "x" * 201}),
    ("place", {"place": "a\x00b"}),
    ("duration_minutes", {"duration_minutes": 4}),
    ("duration_minutes", {"duration_minutes": 481}),
    ("duration_minutes", {"duration_minutes": "45"}),
    ("reason", {"reason": "x"}),
    ("accompaniment_id", {"accompaniment_id": "x"}),
]


async def test_bad_proposal_is_refused_by_field_and_stores_nothing(desk: Desk, subtests: pytest.Subtests) -> None:
    story = await desk.accompanied()
    for field, changes in BAD:
        with subtests.test(field=field, changes=str(changes)[:60]):
            answer = await desk.propose(story, **changes)
            assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
            assert [error["field"] for error in answer.json()["errors"]] == [field]
            assert "06 39" not in answer.text
    for table in ("appointments", "idempotency_keys"):
        assert await desk.rows(f"SELECT * FROM {table}") == []


async def test_appointment_by_phone_has_no_place(desk: Desk) -> None:
    answer = await desk.propose(await desk.accompanied(), modality="phone", place=" ")
    assert (answer.status_code, answer.json()["place"]) == (201, None)


async def test_dates_that_are_not_offered_or_are_past_are_not_booked(desk: Desk) -> None:
    appointment_id = await desk.proposed(await desk.accompanied())
    for date in (at(5), at(1.5)):
        refused = await desk.command(appointment_id, "booking", {"starts_at": date})
        assert (refused.status_code, refused.json()["code"]) == (409, "option_gone")
    desk.clock.advance(2 * DAY)
    refused = await desk.command(appointment_id, "booking", {"starts_at": at(2)})
    assert refused.json()["code"] == "option_gone"
    assert (await desk.command(appointment_id, "booking", {"starts_at": at(3)})).status_code == 200


async def test_nothing_is_said_of_how_it_went_before_it_begins_nor_postponed_after(desk: Desk) -> None:
    appointment_id = await desk.booked(await desk.accompanied())
    for command in ("holding", "absence"):
        refused = await desk.command(appointment_id, command)
        assert (refused.status_code, refused.json()["code"]) == (409, "too_early")
    desk.clock.advance(DAY)
    for body in (None, {"starts_at": at(2)}):
        refused = await desk.command(appointment_id, "postponement", body)
        assert (refused.status_code, refused.json()["code"]) == (409, "too_late")
    assert (await desk.command(appointment_id, "holding")).json()["status"] == "held"


async def test_same_key_proposes_once_and_is_answered_as_the_first_time(desk: Desk) -> None:
    story = await desk.accompanied()
    first = await desk.propose(story, key="one")
    await desk.command(first.json()["appointment_id"], "booking", {"starts_at": at(1)})
    again = await desk.propose(story, key="one")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert (await desk.propose(story, key="one", duration_minutes=30)).status_code == 422
    assert len(await desk.rows("SELECT * FROM appointments")) == 1
    # Free text is sealed where it is kept, and nowhere else.
    assert "bureau 12" not in str(await desk.rows("SELECT response FROM idempotency_keys"))
    missing = await desk.http.post("/appointments", json={}, headers=desk.pair(COUNCIL))
    assert missing.status_code in (400, 422)


async def test_same_key_commands_once(desk: Desk) -> None:
    appointment_id = await desk.proposed(await desk.accompanied())
    body = {"starts_at": at(1)}
    first = await desk.command(appointment_id, "booking", body, key="one")
    again = await desk.command(appointment_id, "booking", body, key="one")
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await desk.command(appointment_id, "booking", body)).status_code == 409
    assert await told(desk, appointment_id) == ["Proposed", "Booked"]


async def test_of_two_bookings_at_once_one_holds(desk: Desk) -> None:
    appointment_id = await desk.proposed(await desk.accompanied())
    answers = await asyncio.gather(
        *(
            desk.command(appointment_id, "booking", {"starts_at": at(n)}, by=by)
            for n, by in ((1, COUNCIL), (2, EMPLOYMENT), (3, COUNCIL))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    (row,) = await desk.rows("SELECT * FROM appointments")
    booked = next(answer.json() for answer in answers if answer.status_code == 200)
    assert row["starts_at"].isoformat().replace("+00:00", "Z") == booked["starts_at"]
    assert await told(desk, appointment_id) == ["Proposed", "Booked"]


async def test_booking_and_cancellation_at_once_come_one_after_the_other(desk: Desk) -> None:
    story = await desk.accompanied()
    for _ in range(4):
        appointment_id = await desk.proposed(story)
        token = await desk.link(story, appointment_id)
        await asyncio.gather(
            desk.by_link(token, "booking", {"starts_at": at(1)}), desk.command(appointment_id, "cancellation")
        )
        (row,) = await desk.rows("SELECT state FROM appointments WHERE appointment_id = $1", appointment_id)
        assert row["state"] == "cancelled_by_service"
        assert await told(desk, appointment_id) in (["Proposed", "Booked", "Cancelled"], ["Proposed", "Cancelled"])


async def test_second_of_two_waits_for_the_row(desk: Desk) -> None:
    appointment_id = await desk.proposed(await desk.accompanied())
    async with desk.db.transaction() as tx:
        appointments = PostgresAppointments(tx, desk.runtime.vault())
        held = await appointments.lock(UUID(appointment_id))
        assert held is not None
        waiting = asyncio.create_task(desk.command(appointment_id, "booking", {"starts_at": at(2)}))
        while not await desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # locks ring no bell
            await asyncio.sleep(0.01)
        await appointments.save(held, held.decide(Ask(Command.CANCELLATION), Actor.ORGANISER, desk.clock.now()))
    assert (await waiting).status_code == 409
    assert await told(desk, appointment_id) == ["Proposed", "Cancelled"]


async def test_end_of_the_accompaniment_waits_for_a_proposal_under_way(desk: Desk) -> None:
    story = await desk.accompanied()
    async with desk.db.transaction() as tx:
        assert await PostgresAppointments(tx, desk.runtime.vault()).accompaniment(story.accompaniment_id)
        waiting = asyncio.create_task(desk.hear(story.ended()))
        while not await desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # locks ring no bell
            await asyncio.sleep(0.01)
        assert [row["status"] for row in await desk.rows("SELECT status FROM known_accompaniments")] == ["active"]
    await waiting
    assert (await desk.propose(story)).status_code == 404
