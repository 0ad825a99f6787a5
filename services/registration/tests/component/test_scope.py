"""What each of the two may know of an appointment: a council in its territory, an employment service for a reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from chassis.directory import apply_organisations
from chassis.testing.events import COUNCIL
from maillage_contracts import OrganisationChanged, Territory

from .conftest import DAY, EMPLOYMENT, START, at

Desk = Any
NAME, PLACE = "Camille Exemple", "1 rue de l’Exemple, bureau 12"


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


async def read(desk: Desk, appointment_id: str, by: UUID) -> Any:
    return await desk.http.get(f"/appointments/{appointment_id}", headers=desk.pair(by))


async def listed(desk: Desk, by: UUID) -> list[dict[str, Any]]:
    return list((await desk.http.get("/appointments", headers=desk.pair(by))).json()["items"])


async def purposes(desk: Desk) -> list[tuple[str, str, str]]:
    rows = await desk.rows("SELECT record_kind, record_id, purpose FROM audit WHERE organisation_id = $1", COUNCIL)
    return [(row["record_kind"], str(row["record_id"]), row["purpose"]) for row in rows]


async def test_council_reads_nobody_outside_its_territory_and_reads_again_within(desk: Desk) -> None:
    appointment_id = await desk.booked(await desk.accompanied(), by=COUNCIL)
    (shown,) = await listed(desk, COUNCIL)
    assert (shown["person_name"], shown["place"]) == (NAME, PLACE)

    await give(desk, 50)
    refused = await read(desk, appointment_id, COUNCIL)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    (line,) = await listed(desk, COUNCIL)
    assert line == {**shown, "person_name": None, "place": None, "allowed": ["cancellation"]}
    theirs = (await read(desk, appointment_id, EMPLOYMENT)).json()
    assert (theirs["person_name"], theirs["place"]) == (NAME, PLACE)

    await give(desk, 51, collectivities=("93D",))
    assert (await read(desk, appointment_id, COUNCIL)).json() == shown
    assert await purposes(desk) == [
        ("appointment", appointment_id, purpose)
        for purpose in ("appointments.list", "appointments.read.out_of_scope", "appointments.read")
    ]


GOING_ON: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("proposed", "booking", {"starts_at": at(1)}),
    ("booked", "postponement", {}),
    ("postponed", "options", {"options": [at(8)]}),
)
CLOSING: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("booked", "cancellation", {}),
    ("proposed", "cancellation", {}),
    ("begun", "holding", {}),
    ("begun", "absence", {}),  # booked, a day later
)
NEXT = {
    "booking": "booked", "postponement": "postponed", "options": "postponed",
    "cancellation": "cancelled_by_service", "holding": "held", "absence": "missed",
}  # fmt: skip


async def brought(desk: Desk, story: Any, state: str, organiser: UUID) -> str:
    """Return an appointment in this state."""
    if state == "proposed":
        return str(await desk.proposed(story, by=organiser))
    appointment_id = str(await desk.booked(story, by=organiser))
    if state == "postponed":
        await desk.command(appointment_id, "postponement", by=organiser)
    return appointment_id


async def state_of(desk: Desk, appointment_id: str) -> str:
    (row,) = await desk.rows("SELECT state FROM appointments WHERE appointment_id = $1", UUID(appointment_id))
    return str(row["state"])


@pytest.mark.parametrize(("by", "inside"), [(COUNCIL, False), (COUNCIL, True), (EMPLOYMENT, False)])
async def test_only_within_its_territory_does_a_council_go_on_and_anywhere_it_closes(
    desk: Desk, by: UUID, inside: bool, subtests: pytest.Subtests
) -> None:
    story, outside = await desk.accompanied(), by == COUNCIL and not inside
    brought_to = [(*row, await brought(desk, story, row[0], by)) for row in (*GOING_ON, *CLOSING)]
    await give(desk, 50, collectivities=("93D",) if inside else ())
    for state, command, body, appointment_id in brought_to:
        with subtests.test(command=command, state=state):
            desk.clock.advance(START + (DAY if state == "begun" else 0 * DAY) - desk.clock.now())

            answer = await desk.command(appointment_id, command, body, by=by, key=command)

            allowed = (state, command, body) in CLOSING or not outside
            assert answer.status_code == (200 if allowed else 404)
            assert await state_of(desk, appointment_id) == (NEXT[command] if allowed else state)
            unread = ("appointment", appointment_id, "appointments.act.out_of_scope")
            assert (unread in await purposes(desk)) is not allowed
            if allowed:
                document = answer.json()
                assert (document == {"appointment_id": appointment_id}) is outside
                assert document.get("place") == (None if outside else PLACE)


async def test_council_proposes_to_nobody_outside_its_territory_and_what_was_refused_is_not_remembered(
    desk: Desk,
) -> None:
    story = await desk.accompanied()
    await give(desk, 50)
    refused = await desk.propose(story, key="one")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert await desk.rows("SELECT * FROM appointments") == []
    assert await purposes(desk) == [("accompaniment", str(story.accompaniment_id), "appointments.act.out_of_scope")]
    assert (await desk.propose(story, by=EMPLOYMENT)).status_code == 201

    await give(desk, 51, collectivities=("93D",))
    assert (await desk.propose(story, key="one")).status_code == 201


async def test_repeat_tells_nothing_that_is_out_of_reach_by_now(desk: Desk) -> None:
    story = await desk.accompanied()
    first = await desk.propose(story, key="one")
    appointment_id = first.json()["appointment_id"]
    booked = await desk.command(appointment_id, "booking", {"starts_at": at(1)}, key="two")
    closed = await desk.command(await desk.booked(story), "cancellation", key="three")

    await give(desk, 50)
    assert (await desk.propose(story, key="one")).status_code == 404
    assert (await desk.command(appointment_id, "booking", {"starts_at": at(1)}, key="two")).status_code == 404
    other = closed.json()["appointment_id"]
    again = await desk.command(other, "cancellation", key="three")
    assert (again.status_code, again.json()) == (200, {"appointment_id": other})
    assert again.headers["idempotency-replayed"] == "true"
    left = await desk.command(appointment_id, "cancellation", key="four")

    await give(desk, 51, collectivities=("93D",))
    assert (await desk.propose(story, key="one")).json() == first.json()
    assert (await desk.command(appointment_id, "booking", {"starts_at": at(1)}, key="two")).json() == booked.json()
    # As the first time, and no more.
    assert (await desk.command(appointment_id, "cancellation", key="four")).json() == left.json()


async def seen(desk: Desk, appointment_id: str, by: UUID) -> tuple[Any, Any]:
    """Return the name and the place, which the list and the appointment itself say alike."""
    one = (await read(desk, appointment_id, by)).json()
    (line,) = [item for item in await listed(desk, by) if item["appointment_id"] == appointment_id]
    assert (line["person_name"], line["place"]) == (one["person_name"], one["place"])
    return one["person_name"], one["place"]


async def test_employment_service_knows_nobody_after_the_end_but_who_is_still_to_come(desk: Desk) -> None:
    story = await desk.accompanied()
    held, coming, dropped = [await desk.booked(story, by=EMPLOYMENT) for _ in range(3)]
    offered = await desk.proposed(story, by=EMPLOYMENT)
    await desk.command(dropped, "cancellation", by=EMPLOYMENT)
    assert await seen(desk, dropped, EMPLOYMENT) == (NAME, PLACE)

    await desk.hear(story.ended(), story.correlation_id)
    told = {id_: await seen(desk, id_, EMPLOYMENT) for id_ in (held, coming, dropped, offered)}
    assert told == {held: (NAME, PLACE), coming: (NAME, PLACE), dropped: (None, None), offered: (NAME, PLACE)}

    desk.clock.advance(DAY)  # both have begun, neither is over
    assert await seen(desk, coming, EMPLOYMENT) == (NAME, PLACE)
    concluded = await desk.command(held, "holding", by=EMPLOYMENT, key="one")
    assert (concluded.json()["status"], concluded.json()["place"]) == ("held", None)
    again = await desk.command(held, "holding", by=EMPLOYMENT, key="one")
    assert (again.headers["idempotency-replayed"], again.json()["place"]) == ("true", None)
    assert await seen(desk, held, EMPLOYMENT) == (None, None)

    desk.clock.advance(3 * DAY)  # the time of the one is over, and every date offered for the other has passed
    read_before = await desk.rows("SELECT * FROM audit WHERE organisation_id = $1", EMPLOYMENT)
    for id_ in (coming, offered):
        assert await seen(desk, id_, EMPLOYMENT) == (None, None)
    # Nobody was read.
    assert await desk.rows("SELECT * FROM audit WHERE organisation_id = $1", EMPLOYMENT) == read_before
    for id_ in (held, coming, dropped, offered):
        assert await seen(desk, id_, COUNCIL) == (NAME, PLACE)
