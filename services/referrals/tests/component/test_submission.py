"""Submitting over HTTP: stored once, told once, to the council that has jurisdiction."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from maillage_contracts import ReferralSubmitted

Desk = Any
ASSOCIATION, COUNCIL = UUID(int=0xA1), UUID(int=0xC1)


async def test_submission_asks_the_council_with_jurisdiction(desk: Desk) -> None:
    answer = await desk.submit()

    assert answer.status_code == 201
    told = answer.json()
    assert told["status"] == "submitted"
    assert told["version"] == 1
    assert told["commune"] == {"code": "93048", "name": "Montreuil"}
    assert told["council"]["code"] == "cd93"
    assert told["council"]["phone"] == "+33 1 99 00 00 00"
    assert answer.headers["location"] == f"/referrals/{told['referral_id']}"
    (decoded,) = await desk.outbox()
    event = decoded.event
    assert isinstance(event, ReferralSubmitted)
    assert str(event.referral_id) == told["referral_id"]
    assert event.routing.receiver_organisation_id == COUNCIL
    assert event.routing.referrer_organisation_id == ASSOCIATION
    assert str(decoded.envelope.correlation_id) not in answer.text
    kinds = await desk.rows("SELECT kind FROM timers ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["referral-expiry", "referral-overdue"]


async def test_arrondissement_means_its_commune_when_a_council_covers_it(desk: Desk) -> None:
    answer = await desk.submit(desk.body(commune="69383"))
    assert answer.json()["commune"]["code"] == "69123"
    assert answer.json()["council"]["code"] == "metrolyon"


async def test_same_key_twice_makes_one_referral(desk: Desk) -> None:
    first = await desk.submit(key="one")
    again = await desk.submit(key="one")

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert len(await desk.events()) == 1


async def test_same_key_with_another_body_is_refused(desk: Desk) -> None:
    await desk.submit(key="one")
    again = await desk.submit(desk.body(note="Autre"), key="one")

    assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await desk.events()) == 1


async def test_same_key_at_once_makes_one_referral(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.submit(key="one") for _ in range(6)))

    # Whoever comes while the first is under way is told so; whoever comes after it gets its answer.
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"idempotency_key_in_progress"}
    assert len({a.json()["referral_id"] for a in answers if a.status_code == 201}) == 1
    assert len(await desk.events()) == 1


HELD_UP = """
CREATE FUNCTION held_up() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
CREATE TRIGGER held_up BEFORE INSERT ON referral_history FOR EACH ROW EXECUTE FUNCTION held_up()
"""
"""A submission that has its key waits, in the middle, for whoever holds lock 1."""


async def test_same_key_while_the_first_is_under_way_is_a_conflict(desk: Desk) -> None:
    async with desk.db.transaction() as tx:
        await tx.execute(HELD_UP)
    async with desk.db.transaction() as tx:
        await tx.execute("SELECT pg_advisory_xact_lock(1)")
        first = asyncio.create_task(desk.submit(key="one"))
        while not await desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # locks ring no bell
            await asyncio.sleep(0.01)
        second = await desk.submit(key="one")
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_key_in_progress")
    assert (await first).status_code == 201
    assert len(await desk.events()) == 1


async def test_council_that_changed_since_the_last_submission_is_told_as_it_is_now(desk: Desk) -> None:
    before = (await desk.submit(key="one")).json()["council"]
    async with desk.db.transaction() as tx:
        await tx.execute(
            "UPDATE directory_organisations SET phone = '+33 1 99 00 00 99', version = version + 1"
            " WHERE organisation_id = $1",
            before["organisation_id"],
        )

    after = await desk.submit(key="two")

    assert after.status_code == 201
    assert after.json()["council"] == before | {"phone": "+33 1 99 00 00 99"}
    assert len(await desk.events()) == 2


async def test_council_that_left_since_the_last_submission_is_not_asked(desk: Desk) -> None:
    await desk.submit(key="one")
    async with desk.db.transaction() as tx:
        await tx.execute(
            "UPDATE directory_organisations SET collectivities = '{}', territory = '{}', version = version + 1"
        )

    answer = await desk.submit(key="two")

    assert (answer.status_code, answer.json()["code"]) == (422, "council_not_joined")
    assert len(await desk.events()) == 1


async def test_key_that_was_used_has_its_answer_whatever_became_of_the_council(desk: Desk) -> None:
    first = await desk.submit(key="one")
    async with desk.db.transaction() as tx:
        await tx.execute(
            "UPDATE directory_organisations SET collectivities = '{}', territory = '{}', version = version + 1"
        )

    again = [await desk.submit(key="one") for _ in range(2)]
    others = [await desk.submit(desk.body(commune=commune), key="one") for commune in ("2A004", "99999")]

    assert [(one.status_code, one.json()) for one in again] == [(201, first.json())] * 2
    assert [(one.status_code, one.json()["code"]) for one in others] == [(422, "idempotency_key_reused")] * 2


async def test_council_that_takes_precedence_since_the_last_submission_is_asked(desk: Desk) -> None:
    before = (await desk.submit(key="one")).json()["council"]
    async with desk.db.transaction() as tx:
        await tx.execute(
            "INSERT INTO directory_organisations (organisation_id, code, name, kind, phone, postal_address, territory,"
            " collectivities, version) SELECT gen_random_uuid(), 'aaa', name, kind, phone, postal_address, territory,"
            " collectivities, 1 FROM directory_organisations WHERE organisation_id = $1",
            before["organisation_id"],
        )

    after = await desk.submit(key="two")

    assert after.json()["council"]["code"] == "aaa"


async def test_key_of_another_organisation_is_another_key(desk: Desk) -> None:
    first = await desk.submit(key="one")
    second = await desk.submit(key="one", by=UUID(int=0xA2))
    assert first.json()["referral_id"] != second.json()["referral_id"]


async def test_council_that_has_not_joined_is_named_and_nothing_is_stored(desk: Desk) -> None:
    answer = await desk.submit(desk.body(commune="2A004"))

    assert (answer.status_code, answer.json()["code"]) == (422, "council_not_joined")
    assert "Collectivité de Corse" in answer.json()["detail"]
    assert answer.json()["errors"][0]["field"] == "commune"
    await nothing_stored(desk)


async def nothing_stored(desk: Desk) -> None:
    for table in ("referrals", "referral_persons", "referral_history", "outbox", "timers", "idempotency_keys"):
        assert await desk.rows(f"SELECT * FROM {table}") == []


CANARY = "Zyxwvut"


BAD_FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("commune", {"commune": "99999"}),
    ("commune", {"commune": f"93048{CANARY}"}),
    ("commune", {"commune": None}),
    ("person.birth_date", {"person": {"birth_date": "2026-03-03"}}),
    ("person.birth_date", {"person": {"birth_date": "1899-12-31"}}),
    ("person.birth_date", {"person": {"birth_date": "1987-02-30"}}),
    ("person.birth_date", {"person": {"birth_date": "19870409"}}),
    ("person.birth_date", {"person": {"birth_date": "1987-W15-4"}}),
    ("person.birth_date", {"person": {"birth_date": 545000000}}),
    ("person.birth_date", {"person": {"birth_date": "1987-04-09T10:00:00"}}),
    ("person.first_name", {"person": {"first_name": CANARY * 20}}),
    ("person.last_name", {"person": {"last_name": "  "}}),
    ("person.last_name", {"person": {"last_name": f"{CANARY}\nBcc: x"}}),
    ("person.last_name", {"person": {"last_name": "\ud800"}}),
    ("person.email", {"person": {"email": f"{CANARY}@"}}),
    ("person.phone", {"person": {"phone": f"{CANARY}12"}}),
    ("person.address", {"person": {"address": CANARY * 60}}),
    ("person.nickname", {"person": {"nickname": CANARY}}),
    # A name typed as a field must not come back as one.
    ("person", {"person": {CANARY: 1}}),
    ("note", {"note": CANARY * 400}),
    ("note", {"note": f"{CANARY}\u0000"}),
    ("themes", {"themes": []}),
    ("themes", {"themes": ["numerique--acceder-a-une-connexion-internet"] * 2}),
    ("themes[0]", {"themes": [f"{CANARY}--x"]}),
    ("themes", {"themes": ["x"] * 6}),
    ("person_informed", {"person_informed": False}),
    ("person_informed", {"person_informed": "yes"}),
    ("nir", {"nir": CANARY}),
]


async def test_bad_field_is_named_and_nothing_is_stored_nor_echoed(desk: Desk, subtests: pytest.Subtests) -> None:
    for n, (field, changes) in enumerate(BAD_FIELDS):
        with subtests.test(case=n, field=field):
            answer = await desk.submit(desk.body(**changes))

            assert answer.status_code == 422
            assert answer.headers["content-type"] == "application/problem+json"
            assert [error["field"] for error in answer.json()["errors"]] == [field]
            assert CANARY not in answer.text
            await nothing_stored(desk)


async def test_merged_commune_is_refused_with_its_successor(desk: Desk) -> None:
    answer = await desk.submit(desk.body(commune="01039"))
    assert (answer.status_code, answer.json()["code"]) == (422, "commune_merged")
    assert "Culoz-Béon (01138)" in answer.json()["title"]
    await nothing_stored(desk)


BAD_BODIES: list[tuple[bytes, int, str]] = [
    (b"{not json", 400, "not_json"),
    (b'{"note": "\xff"}', 400, "not_json"),
    (b"[" * 3000, 400, "not_json"),
    (b'{"note": "' + b"x" * 2_000_000 + b'"}', 413, "body_too_large"),
    (b"", 422, "validation_failed"),
    (b"[1]", 422, "validation_failed"),
]


async def test_body_that_is_not_one_is_refused(desk: Desk, subtests: pytest.Subtests) -> None:
    headers = {**desk.bearer(ASSOCIATION), "idempotency-key": "one", "content-type": "application/json"}
    for n, (content, status, code) in enumerate(BAD_BODIES):
        with subtests.test(case=n):
            answer = await desk.http.post("/referrals", content=content, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            await nothing_stored(desk)


async def test_submission_without_a_key_is_refused(desk: Desk) -> None:
    answer = await desk.http.post("/referrals", json=desk.body(), headers=desk.bearer(ASSOCIATION))
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    await nothing_stored(desk)
