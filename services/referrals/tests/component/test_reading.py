"""Lists, dossiers and claims: complete, bounded, for the right readers, audited."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.audit import verify
from chassis.crypto import SealBroken
from chassis.testing.events import source_of_event
from maillage_contracts import PersonErased, PersonIdentified, Routing
from referrals.adapters.reading import PostgresDossiers

Desk = Any
ASSOCIATION, COUNCIL, OTHER_COUNCIL, SERVICE = UUID(int=0xA1), UUID(int=0xC1), UUID(int=0xC2), UUID(int=0xE1)
SUBJECT = UUID(int=0x51)


async def page(desk: Desk, by: UUID = ASSOCIATION, **query: Any) -> Any:
    answer = await desk.http.get("/referrals", params=query, headers=desk.bearer(by))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_pages_give_every_referral_once_the_newest_first(desk: Desk) -> None:
    made = []
    for n in range(7):
        # Pairs of one instant, cut by pages of three: none is lost or repeated.
        desk.clock.advance(timedelta(seconds=n % 2))
        made.append(await desk.submitted(person={"first_name": f"Camille{'abcdefg'[n]}"}))
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        part = await page(desk, limit=3, after=cursor)
        assert len(part["items"]) <= 3
        found += part["items"]
        cursor = part["cursor"]
    assert len(found) == 7
    assert {item["referral_id"] for item in found} == set(made)
    instants = [item["submitted_at"] for item in found]
    assert instants == sorted(instants, reverse=True)
    assert {item["person_name"] for item in found} == {f"Camille{letter} Exemple" for letter in "abcdefg"}


async def test_list_counts_and_filters_by_status(desk: Desk) -> None:
    first, _ = await desk.submitted(), await desk.submitted()
    await desk.command(first, "receipt")
    part = await page(desk, COUNCIL, status="received")
    assert [item["referral_id"] for item in part["items"]] == [first]
    assert part["counts"] == {"received": 1, "submitted": 1}
    assert part["items"][0]["council"]["code"] == "cd93"
    assert part["items"][0]["referrer"]["name"] == "Association exemple"
    assert await page(desk, OTHER_COUNCIL) == {"items": [], "cursor": None, "counts": {}}


BAD_QUERIES: list[tuple[str, dict[str, Any]]] = [
    ("limit", {"limit": 101}),
    ("limit", {"limit": 0}),
    ("status", {"status": "lost"}),
    ("after", {"after": "x"}),
    ("after", {"after": "é"}),
    ("after", {"after": "_" * 32}),
    ("after", {"after": "AAAA"}),
]


async def test_list_refuses_what_it_cannot_read(desk: Desk, subtests: pytest.Subtests) -> None:
    for field, query in BAD_QUERIES:
        with subtests.test(query=query):
            answer = await desk.http.get("/referrals", params=query, headers=desk.bearer(ASSOCIATION))
            assert answer.status_code == 422
            assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_readings_of_persons_are_audited_in_one_chain(desk: Desk) -> None:
    ids = {await desk.submitted() for _ in range(3)}
    await page(desk, COUNCIL)
    await desk.read(next(iter(ids)), COUNCIL)
    rows = await desk.rows("SELECT * FROM audit ORDER BY id")
    assert [row["purpose"] for row in rows] == ["referrals.list"] * 3 + ["referrals.read"]
    assert {str(row["record_id"]) for row in rows} == ids
    assert {row["organisation_id"] for row in rows} == {COUNCIL}
    async with desk.db.transaction() as tx:
        assert await verify(tx) is None


async def test_refused_reading_leaves_no_audit(desk: Desk) -> None:
    await desk.read(await desk.submitted(), OTHER_COUNCIL)
    assert await desk.rows("SELECT * FROM audit") == []


async def test_dossier_holds_what_was_typed_and_what_may_be_done(desk: Desk) -> None:
    referral_id = await desk.submitted()
    answer = await desk.read(referral_id, COUNCIL)
    dossier = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert dossier["person"] == desk.body()["person"]
    assert dossier["note"] == "Préfère le matin."
    assert dossier["allowed"] == ["receipt", "move"]
    assert dossier["subject_ref"] is None
    assert (await desk.read(referral_id)).json()["allowed"] == ["withdrawal", "move"]
    reader = desk.bearer(COUNCIL, scope="referrals:read")
    assert (await desk.http.get(f"/referrals/{referral_id}", headers=reader)).json()["allowed"] == []


async def test_decline_reasons_are_listed(desk: Desk) -> None:
    answer = await desk.http.get("/decline-reasons", headers=desk.bearer(COUNCIL))
    assert "out_of_area" in answer.json()["reasons"]
    assert len(answer.json()["reasons"]) == 13


def identified(referral_id: str, *, version: int = 1, subject: UUID = SUBJECT) -> PersonIdentified:
    return PersonIdentified(
        subject_ref=subject, aggregate_version=version, referral_id=UUID(referral_id), outcome="matched",
        identified_at=datetime(2026, 3, 2, 9, 31, tzinfo=UTC),
        routing=Routing(
            commune="93048", referrer_organisation_id=ASSOCIATION, receiver_organisation_id=COUNCIL,
            sender_kind="association",
        ),
    )  # fmt: skip


async def test_identified_person_is_shown_and_the_status_stays(desk: Desk) -> None:
    referral_id = await desk.submitted()
    source = source_of_event(identified(referral_id))
    await desk.persons().process([source])
    await desk.persons().process([source])

    dossier = (await desk.read(referral_id)).json()
    assert (dossier["subject_ref"], dossier["status"], dossier["version"]) == (str(SUBJECT), "submitted", 1)
    assert [(step["status"], step["by"]) for step in dossier["history"]] == [
        ("submitted", "referrer"), ("identified", "registration")
    ]  # fmt: skip


async def test_older_identification_never_replaces_a_newer_one(desk: Desk) -> None:
    referral_id = await desk.submitted()
    newer = source_of_event(identified(referral_id, version=5), offset=1)
    older = source_of_event(identified(referral_id, version=4, subject=UUID(int=0x52)), offset=2)
    await desk.persons().process([newer])
    await desk.persons().process([older])
    assert (await desk.read(referral_id)).json()["subject_ref"] == str(SUBJECT)


async def test_identification_that_comes_first_waits_for_its_referral(desk: Desk) -> None:
    await desk.persons().process([source_of_event(identified(str(uuid4())))])
    assert len(await desk.rows("SELECT * FROM referral_subjects")) == 1
    assert await desk.rows("SELECT * FROM dead_letters") == []


async def claim(desk: Desk, ids: list[str], by: UUID = SERVICE, purpose: str | None = "identify-person") -> Any:
    headers = {**desk.bearer(by), **({"maillage-purpose": purpose} if purpose else {})}
    return await desk.http.get("/claims/referrals", params=[("id", id_) for id_ in ids], headers=headers)


async def test_claim_tells_who_it_is_and_is_audited_with_its_purpose(desk: Desk) -> None:
    kept, withdrawn = await desk.submitted(), await desk.submitted()
    await desk.command(withdrawn, "withdrawal", by=ASSOCIATION)
    answer = await claim(desk, [kept, withdrawn, str(uuid4())])

    items = {item["referral_id"]: item for item in answer.json()["items"]}
    assert set(items) == {kept, withdrawn}
    assert items[kept] == {
        "referral_id": kept, "version": 1, "status": "submitted", "gone": False, "sandbox": False,
        "person": desk.body()["person"],
    }  # fmt: skip
    assert (items[withdrawn]["status"], items[withdrawn]["version"]) == ("withdrawn", 2)
    assert (items[withdrawn]["person"], items[withdrawn]["gone"]) == (None, True)
    (row,) = await desk.rows("SELECT * FROM audit")
    assert (str(row["record_id"]), row["purpose"], row["organisation_id"]) == (kept, "identify-person", SERVICE)


async def test_erased_person_leaves_the_referral_without_anything_typed(desk: Desk) -> None:
    referral_id, other = await desk.submitted(), await desk.submitted()
    erased = PersonErased(subject_ref=SUBJECT, aggregate_version=2, erased_at=datetime(2026, 3, 3, tzinfo=UTC))
    await desk.persons().process([source_of_event(identified(referral_id)), source_of_event(erased, offset=1)])

    items = {item["referral_id"]: item for item in (await claim(desk, [referral_id, other])).json()["items"]}
    assert (items[referral_id]["person"], items[referral_id]["gone"]) == (None, True)
    assert items[other]["gone"] is False
    dossier = (await desk.read(referral_id)).json()
    assert (dossier["person"], dossier["note"], dossier["person_name"]) == (None, None, None)
    names = {item["referral_id"]: item["person_name"] for item in (await page(desk))["items"]}
    assert names == {referral_id: None, other: "Camille Exemple"}
    assert (await desk.command(referral_id, "receipt")).status_code == 200


async def test_claim_is_for_services_with_a_purpose_and_at_most_a_hundred(desk: Desk) -> None:
    referral_id = await desk.submitted()
    assert (await claim(desk, [referral_id], by=COUNCIL)).status_code == 403
    assert (await claim(desk, [referral_id], purpose=None)).status_code == 422
    assert (await claim(desk, [referral_id], purpose="Parce que")).status_code == 422
    assert (await claim(desk, [str(uuid4()) for _ in range(101)])).status_code == 422
    assert (await claim(desk, [])).status_code == 422
    assert await desk.rows("SELECT * FROM audit") == []


CANARY = {
    "first_name": "Zyxwvutprenom", "last_name": "Zyxwvutnom", "birth_date": "1901-02-03",
    "phone": "0639980042", "email": "zyxwvut@exemple.test", "address": "42 rue Zyxwvut",
}  # fmt: skip
NOTE = "Zyxwvutnote"


async def test_nothing_personal_is_in_clear_in_any_table(desk: Desk) -> None:
    referral_id = await desk.submitted(person=CANARY, note=NOTE)
    await page(desk)
    await desk.read(referral_id, COUNCIL)
    await claim(desk, [referral_id])
    await desk.command(referral_id, "receipt", key="one")
    tables = [row["t"] for row in await desk.rows("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public'")]
    seen = 0
    for table in tables:
        for row in await desk.rows(f"SELECT * FROM {table}"):
            for value in row.values():
                seen += 1
                raw = value if isinstance(value, bytes) else str(value).encode()
                assert not [text for text in (*CANARY.values(), NOTE) if text.encode() in raw], table
    assert seen > 60


async def test_moved_ciphertext_does_not_open(desk: Desk) -> None:
    first, second = await desk.submitted(), await desk.submitted()
    async with desk.db.transaction() as tx:
        await tx.execute(
            "UPDATE referral_persons p SET (person, note, wrapped_key) = (o.person, o.note, o.wrapped_key) "
            "FROM referral_persons o "
            "WHERE p.referral_id = $1 AND o.referral_id = $2",
            first,
            second,
        )
        with pytest.raises(SealBroken):
            await PostgresDossiers(tx, desk.runtime.vault()).find(UUID(first))
