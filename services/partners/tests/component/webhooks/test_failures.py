"""Receivers that fail, each in its own way: what is tried again and when, in which order, and what it costs others."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeAlias

from chassis.ids import new_id
from chassis.testing.events import example, source_of_event
from chassis.testing.receivers import Receiver, Seen, answer, receiving
from maillage_contracts import AccompanimentProposed
from partners.adapters.postgres.webhooks import purge_log
from partners.adapters.webhooks.sender import HttpSender
from partners.app.webhook_ports import Message
from partners.domain.webhook import LOG_DAYS, RETRY_SECONDS, new_secret

World: TypeAlias = Any


def behaving(*, until: asyncio.Event | None = None, subject: str | None = None, bad: bytes = answer(500)) -> Any:
    """Answer `bad` to events, of one aggregate or of all, until told otherwise."""

    async def behave(_: Receiver, seen: Seen) -> bytes:
        if seen.event["type"].endswith("webhook.challenge.v1"):
            return answer(200, json.dumps(seen.event["data"]).encode())
        refuses = until is None or not until.is_set()
        return bad if refuses and subject in (None, seen.event["subject"]) else answer(204)

    return behave


def subject_of(sources: Any) -> str:
    found: str = json.loads(sources[0].value)["referral_id"]
    return found


async def test_later_events_of_a_refused_referral_wait_and_others_go_on(world: World) -> None:
    mended = asyncio.Event()
    refused, other = world.referral(), world.referral()
    async with receiving(behaving(until=mended, subject=subject_of(refused))) as receiver:
        webhook = await world.webhook(receiver)
        await world.project(refused[:1], other[:1], refused[1:], other[1:])
        await world.until(lambda: len(receiver.events()) == 3)
        await world.until_state(webhook, waiting=3)
        assert {event["subject"] for event in receiver.events()} == {subject_of(other)}

        mended.set()
        await world.advance(timedelta(seconds=RETRY_SECONDS[0] * 1.2))
        await world.until(lambda: len(receiver.events()) == 6)

        mine = [event["id"] for event in receiver.events() if event["subject"] == subject_of(refused)]
        assert mine == [one for one in await world.stream() if one in mine]
        await world.until_state(webhook, waiting=0)
        first = [line for line in await world.log(webhook) if line["attempt"] > 1]
        assert [(line["attempt"], line["outcome"]) for line in first] == [(2, "delivered")]


async def test_steps_of_a_referral_wait_for_one_another_whatever_they_are_about(world: World) -> None:
    mended = asyncio.Event()
    referral = world.referral()
    first = json.loads(referral[0].value)
    step = example(
        AccompanimentProposed, accompaniment_id=new_id(), referral_id=first["referral_id"], routing=first["routing"]
    )
    async with receiving(behaving(until=mended, subject=str(step.accompaniment_id))) as receiver:
        webhook = await world.webhook(receiver)
        await world.project(referral[:1])
        await world.project([source_of_event(step)])
        await world.until_state(webhook, waiting=1)
        await world.project(referral[1:], world.referral())
        await world.until(lambda: len(receiver.events()) == 4)
        await world.until_state(webhook, waiting=3)

        mended.set()
        await world.advance(timedelta(seconds=RETRY_SECONDS[0] * 1.2))
        await world.until(lambda: len(receiver.events()) == 7)

        mine = [e["id"] for e in receiver.events() if e["data"].get("referral_id") == first["referral_id"]]
        assert mine == [one for one in await world.stream() if one in mine]


async def test_every_attempt_follows_the_table_and_the_last_disables(world: World) -> None:
    async with receiving(behaving()) as receiver:
        webhook = await world.webhook(receiver)
        await world.project(world.referral())
        for number, seconds in enumerate(RETRY_SECONDS, 1):
            await world.until(lambda wanted=number: len(receiver.requests) == wanted + 1)
            await world.until_state(webhook, failures_in_a_row=number)

            # An attempt answered while a batch is being written is counted in it, and logged by the next.
            async def logged(wanted: int = number) -> bool:
                return [line["attempt"] for line in await world.log(webhook)][:1] == [wanted]

            await world.service.until(logged)
            [last, *_] = await world.log(webhook)
            assert (last["attempt"], last["outcome"], last["status"]) == (number, "status", 500)
            await world.advance(timedelta(seconds=seconds * 1.11))
        await world.until_state(webhook, state="disabled", reason="exhausted")
        assert len(receiver.requests) == len(RETRY_SECONDS) + 2
        async with world.db.connection() as tx:
            told = [
                json.loads(row["payload"])
                for row in await tx.fetch("SELECT payload FROM outbox WHERE type LIKE '%webhook.disabled.v1'")
            ]
        assert [(one["webhook_id"], one["reason"]) for one in told] == [(webhook["webhook_id"], "exhausted")]

        receiver.behave = None
        await world.project(world.referral())
        assert (await world.call("POST", f"/{webhook['webhook_id']}/resume")).json()["state"] == "active"
        await world.until(lambda: len(receiver.events()) == 6)
        assert sorted(receiver.ids()) == sorted(await world.stream())


async def test_410_disables_at_once(world: World) -> None:
    async with receiving(behaving(bad=answer(410))) as receiver:
        webhook = await world.webhook(receiver)
        await world.project(world.referral())

        await world.until_state(webhook, state="disabled", reason="gone", waiting=3)
        listed = await world.service.call("GET", "/operations/webhooks", params={"state": "disabled"})
        assert [(one["code"], one["reason"]) for one in listed.json()["items"]] == [("cd93", "gone")]

        assert len(receiver.requests) == 2


async def test_retry_after_is_honoured_up_to_its_cap(world: World) -> None:
    async with receiving(behaving(bad=answer(429, b"", "retry-after: 999999"))) as receiver:
        webhook = await world.webhook(receiver)
        await world.project(world.referral(), world.referral())
        await world.until_state(webhook, failures_in_a_row=1)
        await world.advance(timedelta(seconds=3_590))
        await world.project(world.referral())
        await world.service.until(_looked_again(world))
        assert len(receiver.requests) == 2

        receiver.behave = None
        await world.advance(timedelta(seconds=20))

        await world.until(lambda: len(receiver.events()) == 9)


def _looked_again(world: World) -> Any:
    """Ask whether another council, of a webhook made now, has got an event: the loop has made rounds meanwhile."""
    state: dict[str, Any] = {}

    async def asked() -> bool:
        if not state:
            state["receiver"] = stack = receiving()
            state["other"] = await stack.__aenter__()
            await world.service.organisation("cd94", collectivities=["94D"])
            await world.webhook(state["other"], code="cd94")
            await world.project(world.referral("94028"))
        if len(state["other"].events()) < 3:
            return False
        await state["receiver"].__aexit__(None, None, None)
        return True

    return asked


async def test_hanging_receivers_cost_others_nothing(world: World) -> None:
    hang = asyncio.Event()

    async def silent(_: Receiver, seen: Seen) -> bytes:
        if not seen.event["type"].endswith("webhook.challenge.v1"):
            await hang.wait()
        return answer(200, json.dumps(seen.event["data"]).encode())

    async with receiving(silent) as hanging, receiving() as healthy:
        for _ in range(4):
            await world.webhook(hanging)
        webhook = await world.webhook(healthy)
        await world.project(*(world.referral() for _ in range(20)))

        await world.until(lambda: len(healthy.events()) == 60)
        assert hanging.events() == []
        assert hanging.most_at_once <= 4
        await world.until_state(webhook, waiting=0)
        hang.set()


async def test_the_log_says_how_long_it_took_and_is_forgotten_after_its_days(world: World) -> None:
    async def slowly(_: Receiver, seen: Seen) -> bytes:
        if not seen.event["type"].endswith("webhook.challenge.v1"):
            await asyncio.sleep(0.2)
        return answer(200, json.dumps(seen.event["data"]).encode())

    async with receiving(slowly) as receiver:
        webhook = await world.webhook(receiver)
        await world.project(world.referral())

        async def logged() -> bool:
            return len(await world.log(webhook)) == 3

        await world.service.until(logged)
        lines = await world.log(webhook)
        assert {line["outcome"] for line in lines} == {"delivered"}
        assert all(200 <= line["took_ms"] < 10_000 for line in lines)

    now = world.clock.now()
    async with world.db.transaction() as tx:
        assert await purge_log(tx, now + timedelta(days=LOG_DAYS, seconds=-60), 100) == 0
        assert await purge_log(tx, now + timedelta(days=LOG_DAYS, seconds=60), 2) == 2
        assert await purge_log(tx, now + timedelta(days=LOG_DAYS, seconds=60), 100) == 2, "the third, and the challenge"
    assert await world.log(webhook) == []


async def test_retry_after_may_be_a_date() -> None:
    at = datetime.now(UTC) + timedelta(seconds=120)
    refusal = answer(503, b"", f"retry-after: {format_datetime(at, usegmt=True)}")

    async def later(_: Receiver, __: Seen) -> bytes:
        return refusal

    async with receiving(later) as receiver:
        sender = HttpSender(loopback=True)
        said, _ = await sender.post(receiver.url, [new_secret()], Message("one", b"{}"))
        await sender.close()
    assert said.status == 503
    assert said.retry_after is not None
    assert 60 < said.retry_after <= 120


async def test_answers_are_named_for_what_they_are_and_little_of_them_is_read() -> None:
    async def behave(_: Receiver, seen: Seen) -> bytes | None:
        kind = seen.path.strip("/")
        if kind == "hang":
            await asyncio.Event().wait()
        if kind == "drip":
            seen.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            while True:
                seen.writer.write(b"x")
                await seen.writer.drain()
                await asyncio.sleep(0.02)
        if kind == "flood":
            seen.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while True:
                seen.writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
                await seen.writer.drain()
        if kind == "cut":
            return None
        said = {"redirect": answer(307, b"", "location: http://127.0.0.1:1/"), "gone": answer(410)}
        return said.get(kind, answer(400, "Invalid signature for Camille Exemple, née le 17/05/1990".encode()))

    sender, hasty = HttpSender(loopback=True), HttpSender(loopback=True, deadline_seconds=0.5)
    async with receiving(behave) as receiver:
        for kind, outcome, status in (
            ("hang", "timeout", None), ("drip", "timeout", None), ("flood", "delivered", 200),
            ("cut", "connection", None), ("redirect", "redirect", 307), ("gone", "gone", 410), ("bad", "status", 400),
        ):  # fmt: skip
            url = f"http://127.0.0.1:{receiver.port}/{kind}"
            by = hasty if outcome == "timeout" else sender
            said, _ = await by.post(url, [new_secret()], Message("one", b'{"type":"x"}'))
            assert (said.outcome, said.status) == (outcome, status), kind
        said, _ = await sender.post(receiver.url, [new_secret()], Message("one", b'{"type":"x"}'))
        assert said.text == "Invalid signature … le"
        assert [seen.path for seen in receiver.requests].count("/redirect") == 1
    said, _ = await sender.post(receiver.url, [new_secret()], Message("one", b"{}"))
    assert said.outcome == "connection"
    await hasty.close()
    await sender.close()
