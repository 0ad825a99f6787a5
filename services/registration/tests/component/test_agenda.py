"""An organisation's agenda: its own appointments by date, with names, audited, page by page."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import pytest

from chassis.audit import verify
from chassis.testing.events import COUNCIL

from .conftest import DAY, EMPLOYMENT, at

Desk = Any


async def agenda(desk: Desk, params: dict[str, Any] | None = None, by: UUID = COUNCIL) -> dict[str, Any]:
    answer = await desk.http.get("/appointments", params=params, headers=desk.pair(by))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


def ids(page: dict[str, Any]) -> list[str]:
    return [item["appointment_id"] for item in page["items"]]


async def test_both_organisations_have_it_in_their_agenda_with_what_each_may_do(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story, by=EMPLOYMENT, modality="video", place="le lien suivra")
    (ours,) = (await agenda(desk))["items"]
    (theirs,) = (await agenda(desk, by=EMPLOYMENT))["items"]
    assert theirs == {
        "appointment_id": appointment_id, "accompaniment_id": str(story.accompaniment_id),
        "referral_id": str(story.referral_id), "subject_ref": str(story.subject_ref), "status": "booked", "version": 2,
        "starts_at": at(1), "options": [at(2), at(3)], "modality": "video", "duration_minutes": 45,
        "place": "le lien suivra", "person_name": "Camille Exemple",
        "organiser": {"organisation_id": str(EMPLOYMENT), "code": "ft93", "name": "Service de l’emploi exemple"},
        "allowed": ["postponement", "cancellation"],
    }  # fmt: skip
    assert ours == {**theirs, "allowed": ["postponement"]}
    one = await desk.http.get(f"/appointments/{appointment_id}", headers=desk.pair(COUNCIL))
    assert (one.status_code, one.headers["cache-control"], one.json()) == (200, "no-store", ours)


async def test_every_reading_of_a_name_is_audited_and_no_command_is(desk: Desk) -> None:
    story = await desk.accompanied()
    first, second = await desk.proposed(story), await desk.booked(story)
    await desk.command(second, "postponement")
    assert await desk.rows("SELECT * FROM audit") == []
    await agenda(desk)
    await desk.http.get(f"/appointments/{first}", headers=desk.pair(EMPLOYMENT))
    rows = await desk.rows("SELECT * FROM audit ORDER BY id")
    assert [(str(row["record_id"]), row["record_kind"], row["purpose"], row["organisation_id"]) for row in rows] == [
        *((id_, "appointment", "appointments.list", COUNCIL) for id_ in sorted([first, second])),
        (first, "appointment", "appointments.read", EMPLOYMENT),
    ]
    async with desk.db.transaction() as tx:
        assert await verify(tx) is None


async def test_part_of_an_agenda_has_its_dates_and_what_waits_for_one(desk: Desk) -> None:
    story = await desk.accompanied()
    booked = {}
    for day in (1, 2, 3):
        booked[day] = await desk.proposed(story)
        await desk.command(booked[day], "booking", {"starts_at": at(day)})
    waiting, dropped = await desk.proposed(story), await desk.proposed(story)
    await desk.command(dropped, "cancellation")

    everything = await agenda(desk)
    assert ids(everything) == [booked[1], booked[2], booked[3], *sorted([waiting, dropped])]
    assert ids(await agenda(desk, {"from": at(2), "to": at(3)})) == [booked[2], waiting]
    assert ids(await agenda(desk, {"from": at(2.5)})) == [booked[3], waiting]
    assert ids(await agenda(desk, {"to": at(1.5)})) == [booked[1], waiting]


async def test_agenda_of_one_accompaniment(desk: Desk) -> None:
    one, other = await desk.accompanied(), await desk.accompanied(last_name="Autre")
    theirs = await desk.proposed(other)
    await desk.proposed(one)
    assert ids(await agenda(desk, {"accompaniment_id": str(other.accompaniment_id)})) == [theirs]


async def test_pages_follow_one_another_without_gap_or_repeat(desk: Desk) -> None:
    story = await desk.accompanied()
    made = [await desk.proposed(story) for _ in range(7)]
    for appointment_id in made[:4]:
        await desk.command(appointment_id, "booking", {"starts_at": at(2)})
    seen, after = [], None
    while True:
        page = await agenda(desk, {"limit": 2} | ({"after": after} if after else {}))
        seen += ids(page)
        after = page["cursor"]
        if after is None:
            break
        assert len(page["items"]) == 2
    assert seen == [*sorted(made[:4]), *sorted(made[4:])]


BAD: list[tuple[str, dict[str, Any]]] = [
    ("after", {"after": "x"}),
    ("after", {"after": "AAAA"}),
    ("after", {"after": "é"}),
    ("limit", {"limit": 0}),
    ("limit", {"limit": 101}),
    ("from", {"from": "2026-03-02T09:00:00"}),
    ("to", {"to": "yesterday"}),
    ("to", {"to": "9999-12-31T23:59:59-14:00"}),
    ("from", {"from": "1772442600"}),
    ("after", {"after": base64.urlsafe_b64encode(b"\xfe" * 24).decode()}),
    ("accompaniment_id", {"accompaniment_id": "x"}),
]


async def test_bad_question_is_refused_by_field(desk: Desk, subtests: pytest.Subtests) -> None:
    for field, params in BAD:
        with subtests.test(params=str(params)):
            answer = await desk.http.get("/appointments", params=params, headers=desk.pair(COUNCIL))
            assert answer.status_code == 422
            assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_what_may_be_done_follows_the_clock(desk: Desk) -> None:
    await desk.booked(await desk.accompanied())
    desk.clock.advance(DAY)
    (item,) = (await agenda(desk))["items"]
    assert item["allowed"] == ["holding", "absence", "cancellation"]
