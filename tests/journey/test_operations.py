"""What an operator sees and does: dead letters requeued with their bytes corrected, parked events sent again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from chassis.ids import new_id
from chassis.testing.events import source_of_event, submitted
from maillage.testing.acts import feed_until, of_referral, refer, rows
from maillage.testing.running import RunningStack

CANARY = "Zorglub-Canari"


@pytest.mark.timeout(240)
async def test_a_dead_letter_is_found_shown_corrected_and_handled_from_the_command_line(
    stack: RunningStack, tmp_path: Path
) -> None:
    good = source_of_event(submitted(new_id()))
    canary = f'{{"first_name": "{CANARY}"'.encode()
    producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{stack.ports['KAFKA']}")
    await producer.start()
    await producer.send_and_wait("registration-person-v1", canary, key=b"poison", headers=list(good.headers))
    await producer.stop()
    async with asyncio.timeout(30):
        while not await rows(stack, "partners", "SELECT id FROM dead_letters"):
            await asyncio.sleep(0.1)
    bad, file = tmp_path / "read", tmp_path / "corrected"
    file.write_bytes(good.value or b"")

    def maillage(*arguments: str, code: int = 0) -> Any:
        done = stack.run("dead-letters", *arguments, "--json")
        assert (done.returncode, CANARY in done.stdout + done.stderr) == (code, False), done.stdout + done.stderr
        return json.loads(done.stdout)

    (group,) = next(one["items"] for one in maillage("causes")["services"] if one["service"] == "partners")
    (letter,) = maillage("list", "--service", "partners", "--cause", group["group"])["services"][0]["items"]
    number = str(letter["id"])
    shown = maillage("show", "partners", number, "--value", str(bad))
    still = maillage("requeue", "partners", number, "--dry-run", code=1)
    no_better = stack.run("dead-letters", "correct", "partners", number, str(bad), "--why", "a test")
    maillage("correct", "partners", number, str(file), "--why", "cut on the way")
    rehearsed = maillage("requeue", "partners", "--all", "--dry-run")
    done = maillage("requeue", "partners", "--cause", group["group"], "--why", "corrected")

    assert (letter["state"], letter["topic"]) == ("dead", "registration-person-v1")
    assert group["cause"].startswith("InvalidPayload")
    assert (bad.read_bytes(), bad.stat().st_mode & 0o777) == (canary, 0o600)
    assert shown["written_bytes"] == len(canary)
    assert (still["handled"], still["failed"]) == (0, 1)
    assert (no_better.returncode, CANARY in no_better.stderr, "→" in no_better.stderr) == (1, False, True)
    assert (rehearsed["handled"], done["handled"], done["failed"]) == (1, 1, 0)
    assert await rows(stack, "partners", "SELECT id FROM dead_letters") == []
    acts = await rows(stack, "partners", "SELECT act, why FROM dead_letter_acts ORDER BY id")
    assert [(row["act"], row["why"]) for row in acts] == [
        ("value_read", "dead-letter"), ("corrected", "cut on the way"), ("requeued", "corrected")
    ]  # fmt: skip
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
