"""One effect for each key: repeated, reused, at once, after a failure, after a day."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from chassis.crypto import Vault
from chassis.db import Database
from chassis.idempotency import KEPT_FOR, Attempt, Replay, body_hmac, claim, purge, remember
from chassis.problems import Problem

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
VAULT = Vault(b"m" * 32)
CANARY = "Zorglub-Canari"


def attempt(key: str = "k1", *, client: str = "c1", route: str = "POST /referrals", body: object = None) -> Attempt:
    return Attempt(client, route, key, body_hmac(VAULT, body or {"person": CANARY}))


async def submit(db: Database, made: Attempt, *, at: datetime = NOW) -> UUID:
    """Act like a command: return the id of the resource, made now or before."""
    async with db.transaction() as tx:
        replay = await claim(tx, made, now=at)
        if replay is not None:
            assert replay.resource_id is not None
            return replay.resource_id
        resource_id = uuid4()
        await remember(tx, made, now=at, status=201, body={"id": str(resource_id)}, resource_id=resource_id)
        return resource_id


async def test_repeat_gets_the_first_answer(db: Database) -> None:
    resource_id = uuid4()
    async with db.transaction() as tx:
        assert await claim(tx, attempt(), now=NOW) is None
        await remember(
            tx, attempt(), now=NOW, status=201, body={"a": 1}, resource_id=resource_id, location=f"/r/{resource_id}"
        )

    async with db.transaction() as tx:
        replay = await claim(tx, attempt(), now=NOW + timedelta(hours=23))

    assert replay == Replay(201, resource_id, f"/r/{resource_id}", {"a": 1})
    answer = replay.response()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/r/{resource_id}")
    assert answer.headers["idempotency-replayed"] == "true"


async def test_other_body_under_the_same_key_is_refused(db: Database) -> None:
    await submit(db, attempt())

    with pytest.raises(Problem) as caught:
        await submit(db, attempt(body={"person": "somebody else"}))
    assert (caught.value.status, caught.value.code) == (422, "idempotency_key_reused")


async def test_key_belongs_to_one_client_and_route(db: Database) -> None:
    made = {
        await submit(db, attempt()),
        await submit(db, attempt(client="c2")),
        await submit(db, attempt(route="POST /other")),
        await submit(db, attempt("k2")),
    }
    assert len(made) == 4


async def test_second_request_does_not_wait_for_the_first(db: Database) -> None:
    async with db.transaction() as first:
        assert await claim(first, attempt(), now=NOW) is None
        async with asyncio.timeout(15):
            with pytest.raises(Problem) as caught:
                await submit(db, attempt())
    assert (caught.value.status, caught.value.code) == (409, "idempotency_key_in_progress")


async def test_many_at_once_make_one_resource(db: Database) -> None:
    outcomes = await asyncio.gather(*(submit(db, attempt()) for _ in range(40)), return_exceptions=True)

    refused = [each for each in outcomes if isinstance(each, Problem)]
    made = {each for each in outcomes if isinstance(each, UUID)}
    assert len(made) == 1
    assert len(made) + len(refused) <= 40
    assert {each.code for each in refused} <= {"idempotency_key_in_progress"}


async def test_failed_command_leaves_the_key_free(db: Database) -> None:
    with suppress(RuntimeError):
        async with db.transaction() as tx:
            await claim(tx, attempt(), now=NOW)
            await remember(tx, attempt(), now=NOW, status=201, body={})
            raise RuntimeError

    async with db.transaction() as tx:
        assert await claim(tx, attempt(body={"person": "corrected"}), now=NOW) is None


async def test_key_is_free_again_after_a_day_even_before_the_purge(db: Database) -> None:
    first = await submit(db, attempt())

    assert await submit(db, attempt(), at=NOW + KEPT_FOR - timedelta(seconds=1)) == first
    second = await submit(db, attempt(body={"other": True}), at=NOW + KEPT_FOR)
    assert second != first


async def test_purge_deletes_expired_rows_in_batches(db: Database) -> None:
    for n in range(5):
        await submit(db, attempt(f"k{n}"), at=NOW + timedelta(hours=n))

    async with db.transaction() as tx:
        deleted = [await purge(tx, now=NOW + KEPT_FOR + timedelta(hours=2), rows_max=2) for _ in range(3)]
        left = await tx.fetchval("SELECT count(*) FROM idempotency_keys")
    assert (deleted, left) == ([2, 1, 0], 2)


async def test_row_holds_nothing_of_the_body(db: Database) -> None:
    await submit(db, attempt())

    async with db.transaction() as tx:
        assert CANARY not in await tx.fetchval("SELECT r::text FROM idempotency_keys r")
