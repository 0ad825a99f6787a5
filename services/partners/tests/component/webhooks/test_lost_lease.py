"""A lease that is lost between what is handed over and what is written: the next holder still has every event."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import pytest

from chassis.db import Tx
from chassis.testing.receivers import Receiver, Seen, answer
from partners.adapters.postgres import webhook_work as work
from partners.adapters.webhooks.courier import Changes, Courier, Item
from partners.domain.webhook import Answer

World: TypeAlias = Any


async def test_an_event_refused_before_the_write_is_delivered_by_the_next_holder(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, answered, lost, is_lost = work.settle, Courier.answered, list[Item](), asyncio.Event()

    async def losing(tx: Tx, batch: Sequence[tuple[Courier, Changes]], now: datetime) -> work.Settled:
        flying = [(courier, item) for courier, _ in batch for item in courier.flying]
        if lost or not flying:
            return await settle(tx, batch, now)
        for courier, item in flying:
            lost.append(item)
            answered(courier, item, Answer("status", 500), now, now)
        is_lost.set()
        settled = await settle(tx, batch, now)
        await tx.execute("UPDATE webhooks SET fence = fence + 1, holder = NULL")
        return settled

    def once(self: Courier, item: Item, *rest: Any) -> None:
        if item not in lost:
            answered(self, item, *rest)

    monkeypatch.setattr(work, "settle", losing)
    monkeypatch.setattr(Courier, "answered", once)
    webhook = await world.webhook(receiver)

    referrals: list[str] = []

    async def another_waits(_: Receiver, seen: Seen) -> bytes:
        # So that something is on its way when the answer about the first referral is written.
        referrals.append(seen.event["data"]["referral_id"])
        if referrals[-1] != referrals[0]:
            async with asyncio.timeout(30):
                await is_lost.wait()
        return answer(204)

    receiver.behave = another_waits
    await world.project(world.referral() + world.referral())

    await world.until(lambda: len(set(receiver.ids())) == 6)
    await world.until_state(webhook, waiting=0)
    assert lost
