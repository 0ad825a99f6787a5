"""One stream by topic, feed, events, files and webhook while sixteen writers commit: the same ids in the same order.

On a real broker and a real database. The first four are compared by a hash of their whole order, which is also the
one that the digest gives; a webhook keeps the order of each referral.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer

from chassis.clock import SystemClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.outbox import Doorbell
from chassis.records import Source
from chassis.testing.events import AT, source_of_event
from chassis.testing.kafka import create_contract_topics
from chassis.testing.receivers import receiving
from maillage.testing.servers import KafkaServer
from maillage_contracts import ReferralReceived, ReferralReviewStarted, ReferralSubmitted, Routing
from partners.adapters.subscribers import subscriptions

from .reading import Service, id_of, read

WRITERS = 16
BATCHES = 2
REFERRALS = 2
"""Of a batch; three events each."""
EVENTS = WRITERS * BATCHES * REFERRALS * 3
WAIT_SECONDS = 60


@pytest.fixture
async def service(run_partners: Any, kafka_server: KafkaServer) -> AsyncIterator[Service]:
    """A partners process with both listeners of a real broker, on which its topics exist."""
    await create_contract_topics(kafka_server.bootstrap)
    addresses = {
        "kafka_bootstrap": kafka_server.bootstrap,
        "kafka_partner_bootstrap": kafka_server.partner_bootstrap,
    }
    async with run_partners(**addresses) as service:
        yield service


def story(association: dict[str, Any]) -> list[Source]:
    """Return the three events of a new referral, in their order."""
    routing = Routing(
        commune="93048",
        referrer_organisation_id=association["organisation_id"],
        receiver_organisation_id=uuid4(),
        sender_kind="association",
    )
    common: dict[str, Any] = {"referral_id": uuid4(), "routing": routing}
    themes = ("numerique--acceder-a-une-connexion-internet",)
    return [
        source_of_event(ReferralSubmitted(**common, aggregate_version=1, themes=themes, submitted_at=AT)),
        source_of_event(ReferralReceived(**common, aggregate_version=2, received_at=AT)),
        source_of_event(ReferralReviewStarted(**common, aggregate_version=3, started_at=AT)),
    ]


async def write(db: Database, batches: Sequence[Sequence[Source]]) -> None:
    """Commit batches one after another, as one replica's consumer does."""
    clock = SystemClock()
    processor = Processor("partners", subscriptions(clock)[0], db, clock, Doorbell())
    for batch in batches:
        await processor.process(batch)


async def by_topic(told: dict[str, Any]) -> list[str]:
    consumer = AIOKafkaConsumer(
        told["topic"],
        bootstrap_servers=told["bootstrap"],
        security_protocol=told["security_protocol"],
        sasl_mechanism=told["mechanism"],
        sasl_plain_username=told["username"],
        sasl_plain_password=told["password"],
        group_id=f"{told['group_prefix']}four",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    found: dict[str, None] = {}  # by first occurrence: a relay may send twice
    try:
        while len(found) < EVENTS:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.update((dict(record.headers)["ce_id"].decode(), None) for record in records)
    finally:
        await consumer.stop()
    return list(found)


async def by_feed(service: Service, headers: dict[str, str]) -> list[str]:
    found: list[str] = []
    cursor = ""
    while len(found) < EVENTS:
        page = await read(service, headers, after=cursor, limit=37, wait=5)
        found += [event["id"] for event in page["events"]]
        cursor = page["cursor"]
    return found


async def by_events(service: Service, headers: dict[str, str]) -> list[str]:
    found: list[str] = []
    accept = {**headers, "accept": "text/event-stream"}
    async with service.http.stream("GET", "/feed", headers=accept) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: "))["id"])
            if len(found) == EVENTS:
                break
    return found


async def by_file(service: Service, headers: dict[str, str], kind: str) -> list[str]:
    answer = await service.http.get("/feed/export", params={"format": kind}, headers=headers)
    assert answer.status_code == 200, answer.text
    if kind == "jsonl":
        return [json.loads(line)["id"] for line in answer.text.splitlines()]
    return [row["id"] for row in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))]


def hash_of(ids: Iterable[str]) -> str:
    return hashlib.sha256(b"".join(UUID(one).bytes for one in ids)).hexdigest()


async def granted(service: Service, code: str) -> dict[str, Any]:
    path = f"/organisations/{code}/kafka-access"
    told: dict[str, Any] = (await service.call("PUT", path)).json()

    async def ready() -> bool:
        return bool((await service.call("GET", path)).json()["ready"])

    await service.until(ready)
    return told


async def test_four_readings_of_one_stream_give_equal_ids_in_equal_order_under_sixteen_writers(
    service: Service, db: Database
) -> None:
    code = f"cd{uuid4().hex[:8]}"
    association = await service.organisation(f"asso{uuid4().hex[:8]}", "association")
    await service.organisation(code, communes=["93048"])
    told = await granted(service, code)
    headers = await service.client_of(code)
    stories = [[[story(association) for _ in range(REFERRALS)] for _ in range(BATCHES)] for _ in range(WRITERS)]
    sent = [id_of(source) for batches in stories for batch in batches for one in batch for source in one]

    async with receiving() as receiver, asyncio.timeout(WAIT_SECONDS):
        path = f"/organisations/{code}/webhooks"
        webhook = (await service.call("POST", path, json={"url": receiver.url})).json()
        verified = await service.call("POST", f"{path}/{webhook['webhook_id']}/verification")
        assert verified.status_code == 200, verified.text
        reading = [by_topic(told), by_feed(service, headers), by_events(service, headers)]
        writing = (write(db, [[source for one in batch for source in one] for batch in batches]) for batches in stories)
        (topic, feed, events), _ = await asyncio.gather(asyncio.gather(*reading), asyncio.gather(*writing))

        async def delivered() -> bool:
            return len(set(receiver.ids())) == EVENTS

        try:
            await service.until(delivered)
        except AssertionError:
            shown = (await service.call("GET", f"{path}/{webhook['webhook_id']}")).json()
            log = (await service.call("GET", f"{path}/{webhook['webhook_id']}/deliveries")).json()["items"][:3]
            raise AssertionError(f"{len(receiver.ids())} of {EVENTS} came: {shown} {log}") from None
        hooked = list(dict.fromkeys(receiver.ids()))

    files = [await by_file(service, headers, kind) for kind in ("jsonl", "csv")]
    digests = (await service.http.get("/feed/digest", headers=headers)).json()["days"]

    assert sorted(feed) == sorted(sent)
    assert {hash_of(one) for one in (topic, feed, events, *files)} == {hash_of(feed)}
    assert sum(day["count"] for day in digests) == EVENTS
    if len(digests) == 1:  # midnight (UTC) may fall into a run: then each day has a hash of its own
        assert digests[0]["sha256"] == hash_of(feed)
    place = {event_id: n for n, event_id in enumerate(hooked)}
    for one in (one for batches in stories for batch in batches for one in batch):
        ids = [id_of(source) for source in one]
        assert ids == sorted(ids, key=place.__getitem__), "a referral's events came in another order"
        assert ids == sorted(ids, key=feed.index)
