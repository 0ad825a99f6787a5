"""Receivers that take their time have places of their own, and a long range costs no more memory than a short one."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from chassis.testing.receivers import Receiver, Seen, answer, receiving
from partners.adapters.webhooks import courier, couriers

World: TypeAlias = Any

HEALTHY, STRAINED = 6, 3
"""Places in these tests: fewer than there are slow receivers, as 96 are fewer than 256."""


async def test_slow_receivers_take_no_place_of_a_healthy_one_whoever_delivers_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(couriers, "HEALTHY_AT_ONCE", HEALTHY)
    monkeypatch.setattr(couriers, "FAILING_AT_ONCE", STRAINED)
    monkeypatch.setattr(courier, "SLOW_MS", -1)  # whatever is accepted now took long
    holding, released = False, asyncio.Event()

    async def slowly(_: Receiver, seen: Seen) -> bytes:
        if holding:
            await released.wait()
        return answer(200, json.dumps(seen.event["data"]).encode())

    async with receiving(slowly) as slow, receiving() as healthy:
        for code in ("slow1", "slow2"):
            await world.service.organisation(code, communes=["93048"])
            for number in range(5):
                # An address of its own each: connections are counted by address.
                await world.webhook(SimpleNamespace(url=f"{slow.url}/{code}/{number}"), code=code)
        first = world.referral()
        await world.project(first[:1])
        await world.until(lambda: len(slow.events()) == 10)
        # Nothing is left to send: the leases are given back, and with them whatever the process knew.
        await _until_free(world)

        monkeypatch.setattr(courier, "SLOW_MS", 1_000_000)
        holding = True
        slow.most_at_once = 0
        webhook = await world.webhook(healthy)
        await world.project(*(world.referral() for _ in range(10)))
        await world.until(lambda: len(healthy.events()) == 30)
        await world.until_state(webhook, waiting=0)

        await world.until(lambda: slow.at_once == STRAINED)
        assert slow.most_at_once == STRAINED
        holding = False
        released.set()


async def _until_free(world: World) -> None:
    async def asked() -> bool:
        async with world.db.connection() as tx:
            return bool(await tx.fetchval("SELECT count(*) = 0 FROM webhooks WHERE holder IS NOT NULL"))

    await world.service.until(asked)


LENGTHEN = """
INSERT INTO stream_events (organisation_id, position, event_id, ce_type, subject, headers, payload, created_at)
SELECT organisation_id, n, gen_random_uuid(), ce_type, subject, headers,
    convert_to(replace(convert_from(payload, 'UTF8'), subject, gen_random_uuid()::text), 'UTF8'), created_at
FROM stream_events CROSS JOIN generate_series(2, $2::int) n WHERE organisation_id = $1 AND position = 1
"""


@pytest.mark.long  # thousands of requests: half a minute
async def test_redelivery_of_a_long_range_holds_a_window_of_it_and_no_row(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, most_waiting, held = 3_000, 0, list[int]()
    took, expected = {"accepted": 0, "ids": 0}, {"accepted": 0, "ids": 0}
    await world.project(world.referral()[:1])
    async with world.db.connection() as tx:
        owner = await tx.fetchval("SELECT organisation_id FROM partner_stream WHERE code = 'cd93'")
        await tx.execute(LENGTHEN, owner, rows)
        await tx.execute("UPDATE partner_stream SET last_position = $2 WHERE organisation_id = $1", owner, rows)
    for event_id in await world.stream():
        expected["accepted"] += 1
        expected["ids"] ^= UUID(event_id).int
    take = courier.Courier.take

    def counted(self: courier.Courier, *args: Any, **options: Any) -> None:
        take(self, *args, **options)
        held.append(sum(len(queue) for queue in self._queues.values()))

    async def forgetting(receiver: Receiver, seen: Seen) -> bytes:
        receiver.requests.clear()
        receiver.accepted.clear()
        if seen.event["type"].endswith("webhook.challenge.v1"):
            return answer(200, json.dumps(seen.event["data"]).encode())
        took["accepted"] += 1
        took["ids"] ^= UUID(seen.headers["webhook-id"]).int
        return answer(204)

    monkeypatch.setattr(courier.Courier, "take", counted)
    async with receiving(forgetting) as receiver:
        webhook = await world.webhook(receiver)
        path = f"/{webhook['webhook_id']}/redelivery"
        assert (await world.call("POST", path, json={"since": "2026-01-01T00:00:00Z"})).status_code == 202
        shown = await world.shown(webhook)
        while shown["redelivery"] is not None:
            most_waiting = max(most_waiting, shown["waiting"])
            await asyncio.sleep(0.2)
            shown = await world.shown(webhook)

    assert took == expected
    assert expected["accepted"] == rows
    assert most_waiting == 0, "what is accepted at once is no row"
    assert max(held) <= courier.WINDOW
