"""Faults on our side: they are seen, named as ours, stop nobody else, and leave no event on its way for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from chassis.testing.receivers import Receiver
from partners.adapters.webhooks import couriers
from partners.adapters.webhooks.courier import Courier, Item
from partners.adapters.webhooks.messages import of_stream
from partners.app.ports import FeedRow
from partners.app.webhook_ports import Message
from partners.domain.webhook import RETRY_SECONDS

World: TypeAlias = Any


async def test_an_event_that_we_cannot_send_is_tried_again_and_put_down_to_us(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = True

    def breaking(event_id: UUID, row: FeedRow) -> Message:
        if broken and row.position == 1:
            raise ZeroDivisionError
        return of_stream(event_id, row)

    monkeypatch.setattr(couriers, "of_stream", breaking)
    webhook = await world.webhook(receiver)
    await world.project(world.referral(), world.referral())
    await world.until(lambda: len(receiver.events()) == 3)
    await world.until_state(webhook, waiting=3)
    failed = await world.log(webhook, outcome="failed")
    assert [(line["outcome"], line["status"], line["sequence"]) for line in failed] == [("internal", None, "1")]

    broken = False
    await world.advance(timedelta(seconds=RETRY_SECONDS[0] * 1.2))
    await world.until(lambda: len(receiver.events()) == 6)


async def test_an_answer_that_we_cannot_handle_stops_no_event_for_ever(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, times = Courier.answered, 0

    def once_broken(self: Courier, item: Item, *rest: Any) -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise ZeroDivisionError
        answered(self, item, *rest)

    monkeypatch.setattr(Courier, "answered", once_broken)
    webhook = await world.webhook(receiver)
    await world.project(world.referral())

    await world.until_state(webhook, waiting=0)
    await world.until(lambda: len(receiver.events()) == 4)
    assert list(dict.fromkeys(receiver.ids())) == await world.stream(), "the one of which we lost the answer came again"
