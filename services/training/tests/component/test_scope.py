"""A council asks for seats, answers and reads within its territory only; outside it, it may give a seat up, unread."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from chassis.directory import apply_organisations
from maillage_contracts import OrganisationChanged, Territory

from .conftest import COUNCIL, PROVIDER, SERVICE, START

Desk = Any


async def give(desk: Desk, version: int, *, collectivities: tuple[str, ...] = ()) -> None:
    """Let the service hear of a council's territory, as `partners` tells it: without the person's commune, or with."""
    event = OrganisationChanged(
        organisation_id=COUNCIL, aggregate_version=version, code="cd93", name="Département exemple", kind="council",
        phone="01 99 00 00 00", postal_address="1 rue de l’Exemple",
        territory=Territory(communes=("93066",), epcis=(), departements=(), collectivities=collectivities),
        changed_at=START,
    )  # fmt: skip
    async with desk.db.transaction() as tx:
        await apply_organisations(tx, [event])


async def listed(desk: Desk, by: UUID, **params: Any) -> list[str]:
    answer = await desk.get("/enrolments", by, **params)
    return [item["enrolment_id"] for item in answer.json()["items"]]


async def test_council_reads_nothing_outside_its_territory_and_reads_again_within(desk: Desk) -> None:
    session_id, story = await desk.session(), await desk.story()
    enrolment_id = await desk.enrolled(session_id, story)
    of = ({"session_id": session_id}, {"accompaniment_id": str(story.accompaniment_id)})
    version = 50
    for inside in (True, False, True):
        await give(desk, version := version + 1, collectivities=("93D",) if inside else ())
        for by in (COUNCIL, SERVICE, PROVIDER):
            shown = inside or by != COUNCIL
            assert (await desk.get(f"/enrolments/{enrolment_id}", by)).status_code == (200 if shown else 404)
            for params in of:
                assert await listed(desk, by, **params) == ([enrolment_id] if shown else [])


async def test_council_asks_for_no_seat_outside_its_territory_and_a_repeat_tells_nothing(desk: Desk) -> None:
    session_id, story = await desk.session(), await desk.story()
    action = UUID(int=5)
    first = await desk.ask(story, session_id, action=action, key="one")

    await give(desk, 50)
    for key in ("one", "two"):
        refused = await desk.ask(story, session_id, action=action if key == "one" else None, key=key)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert len(await desk.rows("SELECT FROM enrolments")) == 1
    assert (await desk.ask(story, session_id, by=SERVICE)).status_code == 201

    await give(desk, 51, collectivities=("93D",))
    again = await desk.ask(story, session_id, action=action, key="one")
    assert (again.status_code, again.json()) == (201, first.json())


GOING_ON = [("confirmation", None, "confirmed")]
PARTING = [
    ("withdrawal", None, "withdrawn"),
    ("refusal", {"refused_by": "person"}, "refused_by_person"),
    ("refusal", {"refused_by": "third_party"}, "refused_by_third_party"),
]


@pytest.mark.parametrize(("by", "inside"), [(COUNCIL, False), (COUNCIL, True), (SERVICE, False)])
async def test_only_within_its_territory_does_a_council_take_an_offer_and_anywhere_it_gives_it_up(
    desk: Desk, by: UUID, inside: bool, subtests: pytest.Subtests
) -> None:
    outside, asked = by == COUNCIL and not inside, [*GOING_ON, *PARTING]
    session_id = await desk.session(seats=len(asked))
    seated = [await desk.enrolled(session_id) for _ in asked]
    offered = [await desk.enrolled(session_id) for _ in asked]
    for enrolment_id in seated:
        await desk.command(enrolment_id, "withdrawal", SERVICE)
    await give(desk, 50, collectivities=("93D",) if inside else ())
    for (command, body, status), enrolment_id in zip(asked, offered, strict=True):
        with subtests.test(command=command, body=body):
            answer = await desk.command(enrolment_id, command, by, body, key="one")
            again = await desk.command(enrolment_id, command, by, body, key="one")

            refused = outside and command == "confirmation"
            assert answer.status_code == again.status_code == (404 if refused else 200)
            assert await desk.status(enrolment_id) == ("seat_offered" if refused else status)
            if not refused:
                assert again.json() == answer.json()
                assert (answer.json() == {"enrolment_id": enrolment_id}) is outside


async def test_repeat_of_what_was_done_within_tells_only_the_id_outside(desk: Desk) -> None:
    enrolment_id = await desk.enrolled(await desk.session())
    first = await desk.command(enrolment_id, "withdrawal", COUNCIL, key="one")
    assert first.json()["status"] == "withdrawn"
    await give(desk, 50)
    again = await desk.command(enrolment_id, "withdrawal", COUNCIL, key="one")
    assert (again.status_code, again.json()) == (200, {"enrolment_id": enrolment_id})
