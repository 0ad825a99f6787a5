"""The claim check of whoever writes to persons: services only, for a named purpose, audited, and theirs alone."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

from chassis.audit import verify
from chassis.testing.events import COUNCIL

from .conftest import DAY, Story, at
from .test_tiers import erase

Desk = Any
PURPOSE = {"maillage-purpose": "notice"}


async def ask(desk: Desk, ids: list[Any], appointments: list[str] | None = None, **headers: str) -> httpx.Response:
    params = [("id", str(id_)) for id_ in ids] + [("appointment", one) for one in appointments or []]
    answer = await desk.http.get("/claims/contacts", params=params, headers=headers or {**desk.bearer(), **PURPOSE})
    assert isinstance(answer, httpx.Response)
    return answer


async def test_contact_comes_with_the_appointments_asked_for_and_links_that_open_them(desk: Desk) -> None:
    story = await desk.accompanied()
    first, second, third = await desk.proposed(story), await desk.booked(story), await desk.proposed(story)
    answer = await ask(desk, [story.subject_ref], [first, second])

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    (item,) = answer.json()["items"]
    links = item.pop("links")
    common = {"place": "1 rue de l’Exemple, bureau 12", "modality": "in_person"}
    assert item == {
        "subject_ref": str(story.subject_ref), "version": 2, "first_name": "Camille", "language": "fr",
        "phone": "06 39 98 00 00", "email": "camille@exemple.test", "gone": False, "opt_outs": [],
        "appointments": {
            first: {"status": "proposed", "version": 1, "starts_at": None, **common},
            second: {"status": "booked", "version": 2, "starts_at": at(1), **common},
        },
    }  # fmt: skip
    assert links.keys() == {first, second}
    assert all(len(token) <= 90 for token in links.values())
    assert (await desk.by_link(links[second])).json()["starts_at"] == at(1)
    assert third not in answer.text
    (row,) = await desk.rows("SELECT * FROM audit")
    assert (row["record_id"], row["record_kind"], row["purpose"]) == (story.subject_ref, "person", "notice")
    async with desk.db.transaction() as tx:
        assert await verify(tx) is None


async def test_appointment_of_another_person_is_not_told(desk: Desk) -> None:
    one, other = await desk.accompanied(), await desk.accompanied(last_name="Autre")
    theirs = await desk.proposed(other)
    (item,) = (await ask(desk, [one.subject_ref], [theirs, str(uuid4())])).json()["items"]
    assert (item["links"], item["appointments"]) == ({}, {})


async def test_contact_is_as_first_typed_and_may_be_missing(desk: Desk) -> None:
    story = await desk.person(phone=None)
    await desk.person(phone="06 39 98 11 11")
    (item,) = (await ask(desk, [story.subject_ref])).json()["items"]
    assert (item["phone"], item["email"], item["version"]) == (None, "camille@exemple.test", 2)


async def test_unknown_persons_are_left_out_and_erased_ones_are_gone(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.proposed(story)
    await erase(desk, story.subject_ref)
    answer = await ask(desk, [story.subject_ref, uuid4()], [appointment_id])
    assert answer.json()["items"] == [
        {
            "subject_ref": str(story.subject_ref), "version": 2, "first_name": None, "language": "fr", "phone": None,
            "email": None, "gone": True, "opt_outs": [], "links": {}, "appointments": {},
        }
    ]  # fmt: skip
    assert await desk.rows("SELECT * FROM audit") == []


async def test_no_link_is_made_to_what_is_over(desk: Desk) -> None:
    story = await desk.accompanied()
    appointment_id = await desk.booked(story)
    desk.clock.advance(2 * DAY)
    (item,) = (await ask(desk, [story.subject_ref], [appointment_id])).json()["items"]
    assert (item["links"], item["appointments"][appointment_id]["status"]) == ({}, "booked")


async def test_contacts_are_for_services_with_a_purpose_a_hundred_at_a_time(desk: Desk) -> None:
    story = await desk.accompanied()
    ids = [story.subject_ref]
    assert (await ask(desk, ids, None, **PURPOSE)).status_code == 401
    assert (await ask(desk, ids, None, **desk.pair(COUNCIL), **PURPOSE)).status_code == 403
    assert (await ask(desk, ids, None, **desk.bearer())).status_code == 422
    assert (await ask(desk, [])).status_code == 422
    assert (await ask(desk, [uuid4() for _ in range(101)])).status_code == 422
    assert (await ask(desk, ids, [str(uuid4()) for _ in range(101)])).status_code == 422
    assert await desk.rows("SELECT * FROM audit") == []
    assert (await ask(desk, [*ids, *(uuid4() for _ in range(99))], [str(uuid4()) for _ in range(100)])).is_success


async def test_a_hundred_persons_are_one_question(desk: Desk) -> None:
    stories: list[Story] = [await desk.person(last_name=f"Exemple{letter}") for letter in "abcdefgh"]
    answer = await ask(desk, [story.subject_ref for story in stories])
    assert len(answer.json()["items"]) == len(await desk.rows("SELECT * FROM audit")) == 8
