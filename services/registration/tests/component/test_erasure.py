"""An erasure leaves nothing here that says who somebody is, and all of the others; asked again, it answers the same."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from chassis.audit import verify
from maillage_contracts import PersonErased
from registration.adapters.postgres.erasures import DELETES

from .conftest import DAY, at
from .test_sharing import confirmed

Desk = Any
PSEUDONYMOUS = {"persons", "identifications", "audit", "outbox", "inbox"}
"""What may keep an opaque reference: that it existed, what was told, and who read what."""
OPERATOR = UUID(int=0xA1)


def operator(desk: Desk, scope: str = "operations") -> dict[str, str]:
    found: dict[str, str] = desk.issuer.bearer(OPERATOR, code="ops", kind="operator", scope=scope)
    return found


async def erase(desk: Desk, subject_ref: UUID, scope: str = "operations") -> Any:
    return await desk.http.post(f"/persons/{subject_ref}/erasure", headers=operator(desk, scope))


async def erase_oneself(desk: Desk, token: str) -> Any:
    return await desk.http.post("/person/erasure", headers={"maillage-link": token})


async def erased_events(desk: Desk) -> list[PersonErased]:
    return [told.event for told in await desk.told("registration-person") if isinstance(told.event, PersonErased)]


async def test_erasing_a_person_leaves_nothing_of_theirs_and_all_of_the_others(desk: Desk) -> None:
    story, other = await desk.accompanied(), await desk.accompanied(last_name="Autre")
    tokens = {}
    for one in (story, other):
        appointment_id = await desk.booked(one)
        tokens[one] = await desk.link(one, appointment_id)
        await desk.command(appointment_id, "postponement")
        await desk.hear(confirmed(one))
    before = await desk.tables()

    answer = await erase(desk, story.subject_ref)

    assert (answer.status_code, answer.json()) == (200, {"state": "erased", "erased_at": at(0)})
    after = await desk.tables()
    for name, rows in after.items():
        left = [row for row in rows if str(story.subject_ref) in str(row) or str(story.accompaniment_id) in str(row)]
        assert not left or name in PSEUDONYMOUS, name
        if name not in PSEUDONYMOUS | {"erased_links"}:
            assert len(rows) in (len(before[name]), len(before[name]) // 2), name
    assert [len(after[name]) for name in ("appointments", "appointment_dates", "tiers")] == [1, 1, 1]
    (person,) = [row for row in after["persons"] if row["subject_ref"] == story.subject_ref]
    assert [person[name] for name in ("wrapped_key", "identity", "contact", "lookup", "contact_points")] == [None] * 5
    # The only reference to the key that is left would be the event's; it is none.
    (event,) = await erased_events(desk)
    assert (event.subject_ref, event.aggregate_version) == (story.subject_ref, person["version"])
    async with desk.db.transaction() as tx:
        assert await verify(tx) is None
    assert [row["purpose"] for row in after["audit"]][-1] == "erasure"
    assert (await desk.by_link(tokens[other])).status_code == 200
    # What is heard of them later finds nobody.
    await desk.hear(story.ended())
    await desk.hear(confirmed(story))
    for name in ("known_accompaniments", "tiers", "sharings", "dead_letters"):
        assert await desk.rows(f"SELECT * FROM {name}") == after[name]


async def test_everybody_who_asks_for_them_is_told_that_they_are_gone(desk: Desk) -> None:
    story = await desk.accompanied()
    token = await desk.link(story, await desk.booked(story))

    assert (await erase_oneself(desk, token)).json() == {"state": "erased", "erased_at": at(0)}

    for answer in (
        await desk.by_link(token),
        await desk.by_link(token, "postponement"),
        await desk.by_link(token, "cancellation"),
        await desk.http.get("/person/sharing", headers={"maillage-link": token}),
        await desk.http.get(f"/persons/{story.subject_ref}", headers={**desk.bearer(), "maillage-purpose": "notice"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "erased")
    claim = await desk.http.get(
        "/claims/contacts",
        params={"id": str(story.subject_ref)},
        headers={**desk.bearer(), "maillage-purpose": "notice"},
    )
    (item,) = claim.json()["items"]
    assert (item["gone"], item["first_name"], item["links"]) == (True, None, {})
    assert (await desk.propose(story)).status_code == 404


async def test_second_request_answers_the_same_and_tells_nothing_again(desk: Desk) -> None:
    story = await desk.accompanied()
    token = await desk.link(story, await desk.booked(story))
    first = await erase(desk, story.subject_ref)
    desk.clock.advance(2 * DAY)
    before = await desk.tables()

    again = [await erase(desk, story.subject_ref), await erase_oneself(desk, token)]

    assert [(one.status_code, one.json()) for one in again] == [(200, first.json())] * 2
    assert await desk.tables() == before


async def test_many_at_once_erase_once(desk: Desk) -> None:
    story = await desk.accompanied()
    token = await desk.link(story, await desk.booked(story))

    asked = [erase(desk, story.subject_ref), erase_oneself(desk, token)] * 4
    answers = await asyncio.gather(*asked)

    assert {(one.status_code, one.json()["state"]) for one in answers} == {(200, "erased")}
    assert len(await erased_events(desk)) == 1


async def test_unknown_person_or_link_is_not_found_and_others_may_not_ask(desk: Desk) -> None:
    story = await desk.accompanied()
    assert (await erase(desk, uuid4())).json()["code"] == "not_found"
    assert (await erase_oneself(desk, "A" * 72)).json()["code"] == "link_invalid"
    refused = await erase(desk, story.subject_ref, scope="claims:read appointments:act")
    assert refused.status_code == 403
    assert await erased_events(desk) == []


async def test_same_person_referred_again_is_somebody_new(desk: Desk) -> None:
    story = await desk.accompanied()
    await erase(desk, story.subject_ref)
    assert (await desk.person()).subject_ref != story.subject_ref


async def test_every_table_that_names_a_person_is_emptied(desk: Desk) -> None:
    rows = await desk.rows("SELECT table_name AS t FROM information_schema.columns WHERE column_name = 'subject_ref'")
    named = {row["t"] for row in rows}
    assert named >= {"appointments", "tiers", "sharings", "known_accompaniments"}
    for table in named - PSEUDONYMOUS:
        assert any(statement.startswith(f"DELETE FROM {table} ") for statement in DELETES), table
