"""Streams are kept for two years, in whole days: what goes, what is said of it, and what can still be proved."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest

from chassis.clock import MovableClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.outbox import Doorbell
from chassis.testing.events import example, source_of_event
from maillage_contracts import PersonErased, PersonIdentified, Routing, topic_for, type_of
from maillage_contracts.feed import AsyncFeed, FeedRefused
from partners.adapters.postgres.kafka_accesses import PostgresKafkaAccesses
from partners.adapters.postgres.stream_purge import purge_step
from partners.adapters.stream_purge import purge_streams
from partners.adapters.subscribers import subscriptions
from partners.domain.cursor import write_cursor
from partners.domain.retention import STREAM_DAYS, oldest_kept_day

from .reading import Service, id_of, project, read, referral

DAY = timedelta(days=1)
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
TWO_YEARS = timedelta(days=STREAM_DAYS)

Council: TypeAlias = dict[str, Any]


class World:
    """A service whose clock moves, a council that reads, and an association that refers to it."""

    def __init__(self, service: Service, db: Database, clock: MovableClock, council: Council, asso: Council) -> None:
        self.service, self.db, self.clock = service, db, clock
        self.council, self.asso = council, asso
        self.owner = UUID(council["organisation_id"])
        self.credentials = {"client_id": council["client_id"], "client_secret": council["client_secret"]}

    async def refer(self, count: int) -> list[str]:
        sources = [referral(self.asso, at=self.clock.now()) for _ in range(count)]
        await project(self.db, sources, self.clock)
        return [id_of(source) for source in sources]

    async def headers(self) -> dict[str, str]:
        """A token as fresh as the clock wants it."""
        found: dict[str, str] = await self.service.headers(*self.credentials.values())
        return found

    async def get(self, path: str, **params: Any) -> Any:
        return await self.service.http.get(path, params=params, headers=await self.headers())

    async def ids(self, **params: Any) -> list[str]:
        page = await read(self.service, await self.headers(), limit=500, **params)
        return [event["id"] for event in page["events"]]

    async def days(self) -> list[dict[str, Any]]:
        answer = await self.get("/feed/digest", **{"from": NOON.date(), "to": (NOON + 9 * DAY).date()})
        found: list[dict[str, Any]] = answer.json()["days"]
        return found

    async def rows(self) -> list[int]:
        async with self.db.connection() as tx:
            found = await tx.fetch(
                "SELECT position FROM stream_events WHERE organisation_id = $1 ORDER BY 1", self.owner
            )
        return [row["position"] for row in found]

    async def purge(self, rows_max: int = 2) -> int:
        return await purge_streams(self.db, self.clock.now(), rows_max)

    def cursor(self, position: int) -> str:
        return write_cursor(self.owner, position)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOON)


@pytest.fixture
async def world(run_partners: Any, db: Database, clock: MovableClock) -> AsyncIterator[World]:
    async with run_partners(clock=clock) as service:
        asso = await service.organisation("asso1", "association")
        council = await service.organisation("cd93", collectivities=["93D"])
        client = (await service.call("POST", "/organisations/cd93/clients")).json()
        yield World(service, db, clock, {**council, **client}, asso)


async def test_a_day_is_kept_for_two_years_then_purged_whole_and_stays_provable(world: World, tmp_path: Path) -> None:
    first_day = await world.refer(5)
    async with AsyncFeed(world.service.url, **world.credentials, state=tmp_path) as feed:
        assert [str(one.id) async for one in feed.until_now()] == first_day
        world.clock.advance(DAY)
        second_day = await world.refer(3)
        proof = await world.days()
        world.clock.advance(TWO_YEARS - 2 * DAY)
        assert (await world.purge(), await world.ids()) == (0, first_day + second_day), "kept on its last day"

        world.clock.advance(DAY)

        assert await world.purge() == 2 * 5, "of the council's stream and of the association's"
        assert (await world.rows(), await world.ids()) == ([6, 7, 8], second_day)
        assert await world.purge() == 0
        assert [(d["day"], d["kept"], d["complete"]) for d in await world.days()] == [
            ("2026-12-01", False, True),
            ("2026-12-02", True, False),
        ]
        assert [d["sha256"] for d in await world.days()] == [d["sha256"] for d in proof]
        # It comes back after the purge, has missed nothing, and proves it.
        assert [str(one.id) async for one in feed.until_now()] == second_day
        assert [bool(one) for one in await feed.verify(NOON.date(), NOON.date() + DAY)] == [True, True]


async def test_whoever_asks_for_what_was_purged_is_told_and_can_go_on(world: World, tmp_path: Path) -> None:
    await world.refer(4)
    world.clock.advance(DAY)
    kept = await world.refer(2)
    world.clock.advance(TWO_YEARS - DAY)
    await world.purge()

    for position in (0, 3):
        answer = await world.get("/feed", after=world.cursor(position))
        assert (answer.status_code, answer.headers["content-type"]) == (410, "application/problem+json")
        assert answer.json()["type"] == "urn:maillage:problem:cursor_too_old"
        assert answer.json()["title"].startswith("Une partie des événements demandés a plus de deux ans")
        assert await world.ids(after=answer.json()["oldest"]) == kept
    for fine in ({"after": world.cursor(4)}, {"from": "2020-01-01"}, {"from": NOON.date().isoformat()}, {}):
        assert await world.ids(**fine) == kept, fine
    start = (await world.get("/feed/cursor", **{"from": "2020-01-01"})).json()
    assert start["cursor"] == world.cursor(4)
    stream = await world.service.http.get(
        "/feed", headers={**await world.headers(), "accept": "text/event-stream", "last-event-id": world.cursor(1)}
    )
    assert (stream.status_code, stream.json()["code"]) == (410, "cursor_too_old")

    async with AsyncFeed(world.service.url, **world.credentials, after=world.cursor(1)) as feed:
        with pytest.raises(FeedRefused, match="no longer kept") as refused:
            await anext(aiter(feed))
    async with AsyncFeed(world.service.url, **world.credentials, state=tmp_path) as feed:
        assert [str(one.id) async for one in feed.until_now()] == kept
        # Nobody who joined since is held to what was gone before.
        assert [bool(one) for one in await feed.verify(NOON.date(), NOON.date() + DAY)] == [True]
    async with AsyncFeed(world.service.url, **world.credentials, after=refused.value.oldest) as feed:
        assert [str(one.id) async for one in feed.until_now()] == kept


async def test_a_file_is_whole_or_refused(world: World) -> None:
    await world.refer(2)
    world.clock.advance(DAY)
    kept = await world.refer(3)
    world.clock.advance(TWO_YEARS - DAY)
    await world.purge()
    first, second = NOON.date(), (NOON + DAY).date()

    refused = await world.get("/feed/export", **{"format": "jsonl", "from": first, "to": second})
    assert (refused.status_code, refused.json()["code"]) == (410, "period_too_old")
    assert date.fromisoformat(refused.json()["oldest"]) == second
    gone = await world.get("/feed/export", **{"from": first, "to": first})
    assert (gone.status_code, date.fromisoformat(gone.json()["oldest"])) == (410, second)
    whole = await world.get("/feed/export", **{"format": "jsonl", "from": second, "to": world.clock.now().date()})
    assert [json.loads(line)["id"] for line in whole.text.splitlines()] == kept
    longest = await world.get("/feed/export", **{"from": world.clock.now().date() - TWO_YEARS + DAY})
    assert longest.status_code == 200, "as long a period as is kept"


async def test_two_replicas_and_an_interrupted_purge_end_where_one_would(world: World) -> None:
    for _ in range(3):
        await world.refer(4)
        world.clock.advance(DAY)
    kept = await world.refer(1)
    world.clock.advance(TWO_YEARS - DAY)
    swept = 0
    while len(await world.rows()) == 13:
        # Ends on its way: a day of the council's given up, and half swept.
        async with world.db.transaction() as tx:
            step = await purge_step(tx, oldest_kept_day(world.clock.now()), 2)
        assert step is not None
        swept += step.rows
    assert await world.rows() == list(range(3, 14))
    assert len(await world.ids()) == 9, "the day is gone for readers as a whole"
    assert (await world.get("/feed", after=world.cursor(2))).status_code == 410

    late = asyncio.create_task(world.refer(2))
    done = await asyncio.gather(*(world.purge() for _ in range(3)))
    rest = await world.purge()

    assert swept + sum(done) + rest == 2 * 12
    assert await world.ids() == kept + await late
    assert await world.rows() == [13, 14, 15]


async def test_a_stream_that_is_silent_for_two_years_is_empty_and_goes_on(world: World) -> None:
    await world.refer(3)
    before = await world.days()
    world.clock.advance(TWO_YEARS)

    assert await world.purge() == 2 * 3

    page = await read(world.service, await world.headers())
    assert (page["events"], page["cursor"], page["more"]) == ([], world.cursor(3), False)
    [day] = await world.days()
    assert (day["sha256"], day["count"], day["kept"], day["complete"]) == (before[0]["sha256"], 3, False, True)
    later = await world.refer(2)
    assert await world.ids(after=page["cursor"]) == later
    assert await world.rows() == [4, 5]


async def test_what_was_purged_does_not_come_back_by_a_replay(world: World) -> None:
    old = referral(world.asso, at=NOON)
    await project(world.db, [old], world.clock)
    world.clock.advance(TWO_YEARS)
    await world.purge()
    async with world.db.connection() as tx:
        # A replay of what the inbox has forgotten.
        await tx.execute("DELETE FROM inbox")

    await project(world.db, [old], world.clock)
    await world.service.organisation("cd94", communes=["93048"])

    assert await world.ids() == []


async def test_an_erasure_reaches_whoever_was_told_by_events_that_are_gone(world: World) -> None:
    body = {"event_types": ["referrals.referral.*"]}
    assert (await world.service.call("PUT", "/organisations/cd93/event-types", json=body)).status_code == 200
    submission = referral(world.asso, at=NOON)
    await project(world.db, [submission], world.clock)
    submitted = json.loads(submission.value or b"")
    person = uuid4()
    who = example(
        PersonIdentified, subject_ref=person, referral_id=UUID(submitted["referral_id"]),
        routing=Routing.model_validate(submitted["routing"]), aggregate_version=1,
    )  # fmt: skip
    persons = next(one for one in subscriptions(world.clock) if one.topic == topic_for(who).name)
    processor = Processor("partners", persons, world.db, world.clock, Doorbell())
    await processor.process([source_of_event(who, at=NOON)])
    world.clock.advance(TWO_YEARS)
    await world.purge()

    gone = PersonErased(subject_ref=person, aggregate_version=2, erased_at=world.clock.now())
    await processor.process([source_of_event(gone, at=world.clock.now())])

    [told] = (await read(world.service, await world.headers()))["events"]
    assert (told["type"], told["data"]["subject_ref"]) == (type_of(PersonErased), str(person))


async def test_kafka_is_published_from_the_oldest_event_kept(world: World) -> None:
    await world.refer(5)
    world.clock.advance(DAY)
    kept = await world.refer(2)
    world.clock.advance(TWO_YEARS - DAY)
    await world.purge()

    async with world.db.transaction() as tx:
        no_vault: Any = None  # no password is looked at
        accesses = PostgresKafkaAccesses(tx, no_vault)
        assert await accesses.publish_page(world.owner, 2, world.clock.now()), "one page is enough"
        published = await tx.fetch("SELECT id FROM outbox WHERE aggregatetype LIKE 'partner-%' ORDER BY position")

    assert [str(row["id"]) for row in published] == kept


OLD_HANDLED = "INSERT INTO inbox (consumer, event_id, handled_at) VALUES ('test', gen_random_uuid(), $1)"
OLD_KEY = """
INSERT INTO idempotency_keys (client_id, route, key, body_hmac, status, response, created_at)
VALUES ('test', 'POST /test', 'old', '', 200, '{}', $1)
"""
LEFT = """
SELECT (SELECT count(*) FROM stream_events) AS events, (SELECT count(*) FROM inbox WHERE consumer = 'test') AS handled,
    (SELECT count(*) FROM idempotency_keys WHERE key = 'old') AS keys
"""


async def test_a_service_that_runs_purges_what_is_old_by_itself(
    run_partners: Any, db: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partners.adapters.stream_purge.PURGE_SECONDS", 0.05)
    monkeypatch.setattr("chassis.app.HOUSEKEEPING_SECONDS", 0.05)
    # Of a bus that does not answer, nothing of this waits.
    nobody = {"kafka_bootstrap": "127.0.0.1:1", "when_ready": False}
    async with run_partners(clock=clock, **nobody) as service:

        async def known() -> bool:
            async with db.connection() as tx:
                return bool(await tx.fetchval("SELECT count(*) FROM client_secrets"))

        await service.until(known)
        asso = await service.organisation("asso1", "association")
        await project(db, [referral(asso, at=clock.now()) for _ in range(3)], clock)
        async with db.transaction() as tx:
            for statement in (OLD_HANDLED, OLD_KEY):
                await tx.execute(statement, clock.now())

        async def left() -> tuple[int, ...]:
            async with db.connection() as tx:
                return tuple((await tx.fetch(LEFT))[0].values())

        assert await left() == (3, 1, 1)
        clock.advance(TWO_YEARS)
        await service.until(lambda: _none(left))


async def _none(left: Callable[[], Awaitable[tuple[int, ...]]]) -> bool:
    return await left() == (0, 0, 0)
