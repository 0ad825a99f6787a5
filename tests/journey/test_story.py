"""An association refers, the right council answers, its neighbour sees nothing: through HTTP and real Kafka."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)

from chassis.testing.kafka import producer_as
from maillage.testing.acts import (
    CRETEIL,
    command,
    feed,
    feed_until,
    header,
    of_referral,
    partner_consumer,
    read_as_member,
    refer,
    referral,
    topic_until,
)
from maillage.testing.running import RunningStack

SCHEMAS = Path(__file__).resolve().parents[2] / "contracts" / "schemas"


async def test_a_referral_reaches_its_council_and_the_association_follows_each_step(stack: RunningStack) -> None:
    async with stack.client("asso1", "referrals") as association, stack.client("cd93", "referrals") as council:
        made = await refer(association)
        one = made["referral_id"]
        assert made["council"]["code"] == "cd93"
        await feed_until(stack, "cd93", lambda events: "referrals.referral.submitted" in of_referral(events, one))
        assert (await council.get(f"/referrals/{one}")).status_code == 200, "its software reads, which tells nothing"
        for _ in range(2):
            await read_as_member(stack, "cd93", one)
        for name in ("receipt", "review"):
            assert (await command(council, one, name)).status_code == 200
        decline = {"reasons": ["session_full"], "declined_by": "provider", "shareable_with_person": True}
        assert (await command(council, one, "decline", decline)).status_code == 200

        events = await feed_until(stack, "asso1", lambda events: len(of_referral(events, one)) == 6)
        seen = (await association.get(f"/referrals/{one}")).json()

    told = [fact for fact in of_referral(events, one) if fact != "registration.person.identified"]
    facts = ("submitted", "opened", "received", "review_started", "declined")
    assert told == [f"referrals.referral.{fact}" for fact in facts]
    assert "registration.person.identified" in of_referral(events, one)
    assert [entry["status"] for entry in seen["history"] if entry["by"] != "registration"] == [
        "submitted", "opened", "received", "under_review", "declined",
    ]  # fmt: skip
    assert seen["status"] == "declined"
    declined = next(e for e in events if e["type"].endswith("referral.declined.v1") and e["data"]["referral_id"] == one)
    assert declined["data"]["reasons"] == ["session_full"]


async def test_the_neighbouring_council_sees_nothing_by_feed_topic_or_api(stack: RunningStack) -> None:
    async with stack.client("asso1", "referrals") as association, stack.client("cd94", "referrals") as neighbour:
        mine = (await refer(association))["referral_id"]
        theirs = (await refer(association, referral(CRETEIL)))["referral_id"]
        events = await feed_until(
            stack, "cd94", lambda events: "registration.person.identified" in of_referral(events, theirs)
        )
        answers = [await neighbour.get(f"/referrals/{mine}")] + [
            await command(neighbour, mine, name) for name in ("receipt", "review", "acceptance")
        ]
        listed = (await neighbour.get("/referrals", params={"limit": 100})).json()["items"]
    consumer = partner_consumer(stack, "cd94")
    await consumer.start()
    try:
        records = await topic_until(consumer, lambda found: theirs in str([r.value for r in found]))
    finally:
        await consumer.stop()

    assert of_referral(events, mine) == []
    assert mine not in json.dumps(events)
    assert mine not in str([(r.key, r.headers, r.value) for r in records])
    assert [answer.status_code for answer in answers] == [404] * 4
    assert all(mine not in answer.text for answer in answers)
    assert mine not in json.dumps(listed)


async def test_a_plain_consumer_reads_the_councils_topic_and_every_event_is_valid(stack: RunningStack) -> None:
    consumer = partner_consumer(stack, "cd93")
    expected = await feed_until(stack, "cd93", lambda events: len(events) >= 5)
    await consumer.start()
    try:
        records = await topic_until(consumer, lambda found: len(found) >= len(expected))
    finally:
        await consumer.stop()

    assert [header(r, "ce_id") for r in records][: len(expected)] == [e["id"] for e in expected]
    for record in records:
        stem = header(record, "ce_type").removeprefix("fr.maillage.")
        schema = json.loads((SCHEMAS / f"{stem}.schema.json").read_text("utf-8"))
        jsonschema.validate(json.loads(record.value or b""), schema)
        assert header(record, "ce_source") == "/partners/cd93"


async def started(consumer: Any) -> None:
    try:
        await consumer.start()
        await asyncio.wait_for(consumer.getmany(timeout_ms=3000), 10)
    finally:
        await consumer.stop()


async def test_a_councils_user_is_refused_everything_else(
    stack: RunningStack, caplog: pytest.LogCaptureFixture
) -> None:
    other = stack.organisation("cd94")["kafka"]["topic"]

    with pytest.raises(TopicAuthorizationFailedError):
        await started(partner_consumer(stack, "cd93", topic=other))
    with pytest.raises(GroupAuthorizationFailedError):
        await started(partner_consumer(stack, "cd93", group_id="partner-cd94-mine"))
    with pytest.raises(KafkaConnectionError):
        await started(partner_consumer(stack, "cd93", sasl_plain_password="not-the-password"))
    assert "SaslAuthenticationFailed" in caplog.text, "refused for its password, not for another reason"
    access = stack.organisation("cd93")["kafka"]
    for topic in (access["topic"], other, "referrals-referral-v1"):
        with pytest.raises(TopicAuthorizationFailedError):
            await producer_as(access, topic)


async def test_the_feed_pages_and_resumes_without_skipping(stack: RunningStack) -> None:
    everything = [e["id"] for e in await feed(stack, "asso1")]
    ids: list[str] = []
    cursor = None
    async with stack.client("asso1", "partners") as http:
        while True:
            page = (await http.get("/feed", params={"limit": 2, **({"after": cursor} if cursor else {})})).json()
            ids += [e["id"] for e in page["events"]]
            cursor = page["cursor"]
            if not page["more"]:
                break
        sequence = [int(e["sequence"]) for e in (await http.get("/feed", params={"limit": 500})).json()["events"]]

    assert ids[: len(everything)] == everything
    assert sequence == list(range(1, len(sequence) + 1))
