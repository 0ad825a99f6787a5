"""What an operator sees and does: dead letters requeued with their bytes corrected, parked events sent again."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from aiokafka import AIOKafkaProducer

from chassis.ids import new_id
from chassis.testing.events import source_of_event, submitted
from maillage.testing.acts import feed_until, of_referral, refer, rows
from maillage.testing.running import RunningStack


async def test_a_dead_letter_is_listed_corrected_and_handled_with_what_waits_behind_it(stack: RunningStack) -> None:
    good = source_of_event(submitted(new_id()))
    producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{stack.ports['KAFKA']}")
    await producer.start()
    await producer.send_and_wait("registration-person-v1", b"{", key=b"poison", headers=list(good.headers))
    await producer.stop()
    async with stack.client("operator", "partners") as operator:
        letters: list[dict[str, object]] = []
        async with asyncio.timeout(30):
            while not letters:
                letters = (await operator.get("/operations/dead-letters")).json()["items"]
        letter = letters[0]
        assert (letter["state"], letter["topic"]) == ("dead", "registration-person-v1")
        assert "value" not in letter
        requeue = f"/operations/dead-letters/{letter['id']}/requeue"
        still = await operator.post(requeue)
        corrected = await operator.post(requeue, json={"value": base64.b64encode(good.value or b"").decode()})

    assert still.json()["handled"] == 0
    assert str(still.json()["stopped_by"]).startswith("InvalidPayload")
    assert corrected.json() == {"handled": 1, "stopped_by": None}
    assert await rows(stack, "partners", "SELECT id FROM dead_letters") == []
    # The same record is a dead letter of referrals too; other tests look at that table.
    async with asyncio.timeout(30):
        while not await rows(stack, "referrals", "DELETE FROM dead_letters RETURNING id"):
            await asyncio.sleep(0.1)


async def test_a_parked_key_is_listed_and_sent_again(stack: RunningStack) -> None:
    async with stack.client("asso1", "referrals") as association:
        one = (await refer(association))["referral_id"]
    await feed_until(stack, "cd93", lambda found: of_referral(found, one))
    # As the relay leaves it when Kafka has refused an event for good; of a type that every reader passes.
    await rows(
        stack,
        "referrals",
        """
        INSERT INTO outbox_parked (position, id, aggregatetype, aggregateid, type, headers, payload, created_at, cause)
        VALUES (0, $1, 'referrals-referral-v1', $2, 'unknown', $3::jsonb, '{}', now(), 'test')
        RETURNING position
        """,
        new_id(), one, json.dumps({"ce_type": "fr.maillage.referrals.referral.painted.v1"}),
    )  # fmt: skip
    async with stack.client("operator", "referrals") as operator:
        (parked,) = (await operator.get("/operations/parked-events")).json()["items"]
        assert (parked["key"], parked["events"], parked["cause"]) == (one, 1, "test")
        released = await operator.post(
            "/operations/parked-events/release", json={"topic": parked["topic"], "key": parked["key"]}
        )
        assert released.status_code == 202
        async with asyncio.timeout(20):
            while (await operator.get("/operations/parked-events")).json()["items"] or await rows(
                stack, "referrals", "SELECT id FROM outbox"
            ):
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("path", ["/operations/dead-letters", "/operations/parked-events"])
async def test_operations_are_for_operators(stack: RunningStack, path: str) -> None:
    async with stack.client("cd93", "referrals") as council:
        assert (await council.get(path)).status_code == 403
