"""Nothing older about a person is sent after their erasure, whatever was refused or is asked for again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from chassis.db import Tx
from chassis.ids import new_id
from chassis.records import Source
from chassis.testing.receivers import Receiver, Seen, answer, receiving
from maillage_contracts import EventErased, PersonErased, type_of
from partners.domain.webhook import RETRY_SECONDS

from .persons import erasure_of, of_person

World: TypeAlias = Any

ERASED = type_of(PersonErased)


def referral_of(sources: Sequence[Source]) -> str:
    found: str = json.loads(sources[0].value or b"")["referral_id"]
    return found


@pytest.mark.parametrize("by", ["this version", "an earlier version"])
async def test_what_was_refused_of_a_person_is_withdrawn_by_their_erasure(
    world: World, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "an earlier version":
        # Its rows stay as they were until the background has rewritten them.
        monkeypatch.setattr("partners.adapters.postgres.streams.erase_rows", left_as_they_are)
    mended, person = asyncio.Event(), new_id()
    mine, other = of_person(world, person), world.referral()
    refused = {referral_of(mine), referral_of(other)}

    async def behave(_: Receiver, seen: Seen) -> bytes:
        if seen.event["type"].endswith("webhook.challenge.v1"):
            return answer(200, json.dumps(seen.event["data"]).encode())
        return answer(500 if seen.event["data"].get("referral_id") in refused and not mended.is_set() else 204)

    async with receiving(behave) as receiver:
        webhook = await world.webhook(receiver)
        # Something passes in between: two refusals in a row are no failing receiver.
        await world.project(mine, other, world.referral())
        await world.until(lambda: len(receiver.events()) == 3)
        await world.until_state(webhook, waiting=len(mine) + len(other))
        await world.project([erasure_of(person)])
        await world.until(lambda: receiver.events()[-1]["type"] == ERASED)
        before = len(receiver.requests)

        mended.set()
        await world.advance(timedelta(seconds=RETRY_SECONDS[0] * 1.2))
        await world.until_state(webhook, waiting=0)

        after = [seen.event["data"]["referral_id"] for seen in receiver.requests[before:]]
        assert after == [referral_of(other)] * len(other)
        log = [line for line in await world.log(webhook) if line["outcome"] == "withdrawn"]
        assert {(line["event_id"].encode(), line["type"].encode()) for line in log} == {
            (dict(one.headers)["ce_id"], dict(one.headers)["ce_type"]) for one in mine
        }
        assert (await world.shown(webhook))["failures_in_a_row"] == 0
        told = await world.service.call("GET", f"/organisations/cd93/explanations?event_id={log[0]['event_id']}")
        assert [(one["webhook_id"], one["code"]) for one in told.json()["webhooks"]] == [
            (webhook["webhook_id"], "withdrawn")
        ]

        # Neither does somebody bring it back who wants everything again.
        path = f"/{webhook['webhook_id']}/redelivery"
        assert (await world.call("POST", path, json={"since": "2026-01-01T00:00:00Z"})).status_code == 202
        await world.until_state(webhook, redelivery=None, waiting=0)
        assert (await world.call("POST", path, json={"event_id": log[0]["event_id"]})).status_code == 202
        await world.until_state(webhook, waiting=0)
        assert referral_of(mine) not in {event["data"].get("referral_id") for event in receiver.events()}
        assert type_of(EventErased) not in {event["type"] for event in receiver.events()}
        again = [line for line in await world.log(webhook, limit=100) if line["outcome"] == "withdrawn"]
        assert len(again) == 2 * len(mine) + 1
        assert {(line["event_id"], line["type"]) for line in again} == {(one["event_id"], one["type"]) for one in log}
        assert [event["type"] for event in receiver.events()].count(ERASED) == 2


async def test_an_erasure_lets_what_is_on_its_way_arrive_first_and_waits_for_nothing_else(world: World) -> None:
    arrived, held, person = asyncio.Event(), asyncio.Event(), new_id()
    mine = of_person(world, person)

    async def behave(_: Receiver, seen: Seen) -> bytes:
        if seen.event["type"].endswith("webhook.challenge.v1"):
            return answer(200, json.dumps(seen.event["data"]).encode())
        if seen.event["data"].get("referral_id") == referral_of(mine):
            arrived.set()
            await held.wait()
            return answer(500)
        return answer(204)

    async with receiving(behave) as receiver:
        await world.webhook(receiver)
        # Once it has answered something it is sent several at a time.
        await world.project(world.referral(), mine)
        await arrived.wait()
        await world.project([erasure_of(person)], world.referral())
        # The referral behind the erasure is delivered: the erasure was read, and might have been sent.
        await world.until(lambda: len(receiver.events()) == 6)
        assert ERASED not in {seen.event["type"] for seen in receiver.requests}

        held.set()
        await world.until(lambda: receiver.events()[-1]["type"] == ERASED)
        sent = [seen.event["data"].get("referral_id") for seen in receiver.requests]
        assert sent.count(referral_of(mine)) == 1


async def left_as_they_are(_: Tx, __: Sequence[UUID]) -> int:
    return 0
