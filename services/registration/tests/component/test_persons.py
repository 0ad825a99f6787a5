"""Reading a person: services only, for a named purpose, audited; and nothing in clear in the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.audit import verify
from chassis.crypto import SealBroken
from registration.adapters.postgres.persons import PostgresFiles

Desk = Any


async def known(desk: Desk, **person: Any) -> str:
    await desk.processor.process([desk.submitted({**CANARY, **person})])
    (told,) = await desk.told()
    return str(told.event.subject_ref)


CANARY = {
    "first_name": "Zyxwvutprenom", "last_name": "Zyxwvutnom", "birth_date": "1901-02-03",
    "phone": "0639980042", "email": "zyxwvut@exemple.test", "address": "42 rue Zyxwvut",
}  # fmt: skip


async def test_person_is_read_by_a_service_and_the_reading_is_audited(desk: Desk) -> None:
    subject_ref = await known(desk)
    headers = {**desk.bearer(), "maillage-purpose": "send-notice"}
    answer = await desk.http.get(f"/persons/{subject_ref}", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "subject_ref": subject_ref, "version": 1, "state": "pre_registered", "person": CANARY
    }  # fmt: skip
    (row,) = await desk.rows("SELECT * FROM audit")
    assert (str(row["record_id"]), row["record_kind"], row["purpose"]) == (subject_ref, "person", "send-notice")
    async with desk.db.transaction() as tx:
        assert await verify(tx) is None


async def test_person_is_not_read_without_scope_purpose_or_existence(desk: Desk) -> None:
    subject_ref = await known(desk)
    purpose = {"maillage-purpose": "send-notice"}
    url = f"/persons/{subject_ref}"
    assert (await desk.http.get(url, headers=purpose)).status_code == 401
    council = desk.bearer("council", "referrals:read referrals:answer")
    assert (await desk.http.get(url, headers={**council, **purpose})).status_code == 403
    assert (await desk.http.get(url, headers=desk.bearer())).status_code == 422
    assert (await desk.http.get(f"/persons/{uuid4()}", headers={**desk.bearer(), **purpose})).status_code == 404
    assert await desk.rows("SELECT * FROM audit") == []


async def test_nothing_personal_is_in_clear_in_any_table(desk: Desk) -> None:
    subject_ref = await known(desk)
    await desk.http.get(f"/persons/{subject_ref}", headers={**desk.bearer(), "maillage-purpose": "send-notice"})
    tables = [row["t"] for row in await desk.rows("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public'")]
    seen = 0
    for table in tables:
        for row in await desk.rows(f"SELECT * FROM {table}"):
            for value in row.values():
                seen += 1
                raw = value if isinstance(value, bytes) else str(value).encode()
                assert not [canary for canary in CANARY.values() if canary.encode() in raw], table
    assert seen > 30


async def test_moved_ciphertext_does_not_open(desk: Desk) -> None:
    await known(desk)
    await desk.processor.process([desk.submitted({**CANARY, "last_name": "Autre"})])
    first, second = [str(row["subject_ref"]) for row in await desk.rows("SELECT subject_ref FROM persons")]
    async with desk.db.transaction() as tx:
        await tx.execute(
            "UPDATE persons p SET (identity, contact, wrapped_key) = (o.identity, o.contact, o.wrapped_key) "
            "FROM persons o "
            "WHERE p.subject_ref = $1 AND o.subject_ref = $2",
            first,
            second,
        )
        with pytest.raises(SealBroken):
            await PostgresFiles(tx, desk.runtime.vault()).find(UUID(first))
