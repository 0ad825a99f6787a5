"""Two people with one name and birth date, or one whose contact changed: each file, link and erasure is its own."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest

from chassis.ids import new_id
from maillage_contracts import PersonErased, PersonIdentified, ReferralSubmitted, decode
from registration.adapters.events import Cause
from registration.adapters.postgres import persons
from registration.adapters.postgres.persons import PostgresPersons
from registration.domain.identity import Contact, Described, Identity
from registration.domain.recognition import Recognition

from .conftest import described
from .test_erasure import erase

Desk = Any

FIRST: dict[str, Any] = {"email": "a@exemple.test", "phone": "06 39 98 00 01"}
LATER: dict[str, Any] = {"email": "b@exemple.test", "phone": "06 39 98 00 02"}
NONE: dict[str, Any] = {"email": None, "phone": None}


async def refer(desk: Desk, *people: dict[str, Any]) -> list[PersonIdentified]:
    """Refer people with one name and birth date, one after the other; return what was told."""
    for person in people:
        await desk.processor.process([desk.submitted(described(**person))])
    return [one.event for one in await desk.told("registration-person") if isinstance(one.event, PersonIdentified)]


@pytest.mark.parametrize(
    ("first", "later", "same"),
    [
        (FIRST, FIRST, True),
        (FIRST, {**LATER, "phone": "+33639980001"}, True),
        (FIRST, {**LATER, "email": " A@Exemple.test"}, True),
        (FIRST, LATER, False),
        (FIRST, NONE, False),
        (NONE, LATER, False),
        (NONE, NONE, True),
        (NONE, {**NONE, "address": "1 rue de l’Exemple"}, True),
    ],
)
async def test_name_and_birth_date_lead_to_a_file_where_a_contact_point_agrees(
    desk: Desk, first: dict[str, Any], later: dict[str, Any], same: bool
) -> None:
    one, other = await refer(desk, first, later)

    assert (one.subject_ref == other.subject_ref) is same
    assert (one.outcome, other.outcome) == ("pre_registered", "matched" if same else "pre_registered")
    (shown,) = desk.recognitions.metrics()
    counts = {sample.labels["outcome"]: sample.value for sample in shown.samples}
    assert counts == {"opened": 1, "found": int(same), "opened_beside": int(not same)}
    assert await desk.rows("SELECT * FROM dead_letters") == []
    # Whoever is referred again, in either way, is found.
    again = await refer(desk, later, first)
    assert [event.subject_ref for event in again[2:]] == [other.subject_ref, one.subject_ref]


async def test_notice_link_list_and_erasure_are_those_of_the_own_file(desk: Desk) -> None:
    one, other = await desk.accompanied(**FIRST), await desk.accompanied(**LATER)
    dates, tokens = {}, {}
    for story, contact in ((one, FIRST), (other, LATER)):
        dates[story] = await desk.booked(story)
        answer = await desk.http.get(
            "/claims/contacts",
            params={"id": str(story.subject_ref), "appointment": list(dates.values())},
            headers={**desk.bearer(), "maillage-purpose": "notice"},
        )
        (item,) = answer.json()["items"]
        assert {name: item[name] for name in contact} == contact
        assert item["links"].keys() == {dates[story]}
        tokens[story] = item["links"][dates[story]]
    for token in tokens.values():
        listed = (await desk.http.get("/person/sharing", headers={"maillage-link": token})).json()["items"]
        assert [row["what"] for row in listed].count("referral") == 1

    erased = await desk.http.post("/person/erasure", headers={"maillage-link": tokens[other]})

    assert erased.status_code == 200
    (told,) = [found.event for found in await desk.told() if isinstance(found.event, PersonErased)]
    assert told.subject_ref == other.subject_ref
    assert (await desk.by_link(tokens[other])).status_code == 410
    assert (await desk.by_link(tokens[one])).status_code == 200
    files = {row["subject_ref"]: row for row in await desk.rows("SELECT * FROM persons")}
    assert files[other.subject_ref]["contact_points"] is files[other.subject_ref]["lookup"] is None
    assert len(files[one.subject_ref]["contact_points"]) == 2
    # The place that it left is taken by whoever comes next; who stayed is found as before.
    events = await refer(desk, LATER, FIRST)
    assert events[-1].subject_ref == one.subject_ref
    assert events[-2].subject_ref not in (one.subject_ref, other.subject_ref)


async def test_a_later_contact_neither_replaces_nor_completes_the_first(desk: Desk) -> None:
    """A referrer could send somebody's links elsewhere, and be found by what it typed."""
    (first, _) = await refer(desk, {**FIRST, "email": None}, {**LATER, "phone": FIRST["phone"]})
    (kept,) = await desk.rows("SELECT * FROM persons")
    assert len(kept["contact_points"]) == 1
    answer = await desk.http.get(
        f"/persons/{first.subject_ref}", headers={**desk.bearer(), "maillage-purpose": "send-notice"}
    )
    person = answer.json()["person"]
    assert (person["phone"], person["email"]) == (FIRST["phone"], None)
    assert (await refer(desk, LATER))[-1].subject_ref != first.subject_ref


async def test_file_from_before_contact_points_is_compared_by_its_sealed_contact_once(desk: Desk) -> None:
    (first,) = await refer(desk, FIRST)
    async with desk.db.transaction() as tx:
        await tx.execute("UPDATE persons SET contact_points = NULL")

    _, stranger, again = await refer(desk, LATER, FIRST)

    assert (stranger.subject_ref == first.subject_ref, again.subject_ref == first.subject_ref) == (False, True)
    rows = await desk.rows("SELECT contact_points FROM persons")
    assert [len(row["contact_points"]) for row in rows] == [2, 2]


async def test_nobody_is_compared_in_the_sandbox_of_another(desk: Desk) -> None:
    real = desk.submitted(described(**FIRST))
    fake = desk.submitted(described(**FIRST), sandbox=True)
    beside = desk.submitted(described(**LATER), sandbox=True)
    for source in (real, fake, beside):
        await desk.processor.process([source])
    assert len(await desk.rows("SELECT DISTINCT subject_ref FROM identifications")) == 3


async def test_two_people_referred_at_once_many_times_are_two(desk: Desk) -> None:
    """Nothing is there to be locked when they begin: what is looked for is."""
    people = [FIRST, LATER, {**FIRST, "phone": None}, {**LATER, "email": None}] * 3
    await asyncio.gather(*(desk.processor.process([desk.submitted(described(**person))]) for person in people))

    told = await refer(desk, FIRST, LATER)
    assert len(told) == 14
    assert [event.outcome for event in told].count("pre_registered") == 2
    sizes = [row["n"] for row in await desk.rows("SELECT count(*) AS n FROM identifications GROUP BY subject_ref")]
    assert sizes == [7, 7]
    # Positions follow versions, file by file.
    for subject_ref in {event.subject_ref for event in told}:
        versions = [event.aggregate_version for event in told if event.subject_ref == subject_ref]
        assert versions == list(range(1, 8))
    assert await desk.rows("SELECT * FROM dead_letters") == []


async def test_file_that_is_being_opened_is_met_whatever_is_erased_meanwhile(desk: Desk) -> None:
    """Locks on the rows that are there would not do: whoever waits for them has looked before the new one was added."""
    (there,) = await refer(desk, FIRST)
    source = desk.submitted(described(**LATER))
    decoded = decode({name: value.decode() for name, value in source.headers}, source.value)
    assert isinstance(decoded.event, ReferralSubmitted)
    cause, now = Cause(decoded.event, decoded.envelope), desk.runtime.clock.now()
    person = Described(Identity("Camille", "Exemple", date(1987, 4, 9)), Contact(LATER["phone"]))
    async with desk.db.transaction() as tx:
        opened = await PostgresPersons(tx, desk.runtime.vault(), cause, now).find_or_add(person, new_id())
        assert opened.recognition is Recognition.OPENED_BESIDE
        erasing = asyncio.create_task(erase(desk, there.subject_ref))
        await blocked(desk, 1)
        second = asyncio.create_task(desk.processor.process([source]))
        await blocked(desk, 2)
    assert (await erasing).status_code == 200
    await second
    (file,) = await desk.rows("SELECT subject_ref FROM persons WHERE state <> 'erased'")
    assert file["subject_ref"] == opened.registration.subject_ref


async def blocked(desk: Desk, count: int) -> None:
    """Wait until so many wait for a lock: locks ring no bell."""
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while len(await desk.rows(waiting)) < count:
        await asyncio.sleep(0.01)


async def test_process_of_the_version_before_is_met_at_the_unique_index(desk: Desk, monkeypatch: Any) -> None:
    """It takes no lock: whoever looked, saw nobody, and then cannot add, looks again."""
    monkeypatch.setattr(persons, "LOCK_NAME", "SELECT $1::bytea")
    sources = [desk.submitted(described(**FIRST)) for _ in range(8)]
    await asyncio.gather(*(desk.processor.process([source]) for source in sources))
    assert len(await desk.rows("SELECT FROM persons")) == 1


async def test_more_files_than_are_looked_at_in_one_go_are_all_met(desk: Desk, monkeypatch: Any) -> None:
    monkeypatch.setattr(persons, "PLACES", 2)
    people = [{"phone": f"06 39 98 00 0{n}", "email": None} for n in range(5)]
    first = await refer(desk, *people)
    again = (await refer(desk, *people))[5:]
    assert len({event.subject_ref for event in first}) == 5
    assert [event.subject_ref for event in again] == [event.subject_ref for event in first]


async def test_operator_is_shown_every_count_and_nobody(desk: Desk) -> None:
    await refer(desk, FIRST)
    text = (await desk.http.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("maillage_persons_recognised_total")]
    assert [line.split("{")[1].split("}")[0] for line in lines] == [
        'outcome="found"', 'outcome="opened"', 'outcome="opened_beside"'
    ]  # fmt: skip
