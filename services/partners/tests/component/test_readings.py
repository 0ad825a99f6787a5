"""One stream, read as pages, as server-sent events and as files: the same ids in the same order."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from chassis.clock import MovableClock
from chassis.db import Database
from chassis.records import Source
from chassis.testing.events import AT, source_of_event
from maillage_contracts import ReferralReceived, Routing, decode
from maillage_contracts.feed import AsyncFeed
from maillage_contracts.read_log import ReadLog
from partners.adapters.export_files import FORMATS
from partners.adapters.feed import FeedDoorbell, PostgresFeed
from partners.adapters.postgres.stream_days import PostgresStreamDays
from partners.app.read_days import read_period

from .reading import Service, id_of, project, read, referral

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
PERIOD = {"from": "2026-11-25", "to": "2026-11-28"}

Council: TypeAlias = dict[str, Any]


def received(association: Council) -> Source:
    routing = Routing(
        commune="93048",
        referrer_organisation_id=association["organisation_id"],
        receiver_organisation_id=uuid4(),
        sender_kind="association",
    )
    return source_of_event(ReferralReceived(referral_id=uuid4(), aggregate_version=2, routing=routing, received_at=AT))


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOON)


@pytest.fixture
async def service(run_partners: Any, clock: MovableClock) -> AsyncIterator[Service]:
    async with run_partners(clock=clock) as service:
        yield service


@pytest.fixture
async def association(service: Service) -> Council:
    found: Council = await service.organisation("asso1", "association")
    return found


@pytest.fixture
async def council(service: Service, association: Council) -> Council:
    """The council: its client's credentials, and the header with which it reads."""
    found: Council = await service.organisation("cd93", collectivities=["93D"])
    client = (await service.call("POST", "/organisations/cd93/clients")).json()
    headers = await service.headers(client["client_id"], client["client_secret"])
    return {**found, **client, "headers": headers}


async def every_page(service: Service, council: Council, **params: Any) -> list[str]:
    ids: list[str] = []
    page: dict[str, Any] = {"cursor": "", "more": True}
    while page["more"]:
        page = await read(service, council["headers"], **{"limit": 7, **params}, after=page["cursor"])
        ids += [event["id"] for event in page["events"]]
    return ids


async def events_of(
    service: Service, council: Council, count: int, last_event_id: str = "", **params: str
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the first events of the stream: cursor, type, CloudEvent."""
    headers = {**council["headers"], "accept": "text/event-stream"}
    if last_event_id:
        headers["last-event-id"] = last_event_id
    found: list[tuple[str, str, dict[str, Any]]] = []
    fields: dict[str, str] = {}
    async with service.http.stream("GET", "/feed", params=params, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line:
                name, _, text = line.partition(": ")
                fields[name] = text
            elif "data" in fields:
                found.append((fields["id"], fields["event"], json.loads(fields["data"])))
                fields = {}
            if len(found) == count:
                break
    return found


async def export(service: Service, council: Council, format_: str, **params: str) -> httpx.Response:
    answer: httpx.Response = await service.http.get(
        "/feed/export", params={"format": format_, **PERIOD, **params}, headers=council["headers"]
    )
    assert answer.status_code == 200, answer.text
    return answer


async def test_feed_events_and_files_have_the_same_ids_in_the_same_order_under_concurrent_writers(
    service: Service, db: Database, association: Council, council: Council, clock: MovableClock
) -> None:
    batches = [[referral(association) for _ in range(9)] for _ in range(6)]
    live = asyncio.create_task(events_of(service, council, 54))
    await asyncio.gather(*(project(db, batch, clock) for batch in batches))

    pages = await every_page(service, council)
    streamed = [event["id"] for _, _, event in await live]
    lines = [json.loads(line)["id"] for line in (await export(service, council, "jsonl")).text.splitlines()]
    table = list(csv.DictReader(io.StringIO((await export(service, council, "csv")).content.decode("utf-8-sig"))))

    assert sorted(pages) == sorted(id_of(source) for batch in batches for source in batch)
    assert pages == streamed == lines == [row["id"] for row in table]
    assert [row["sequence"] for row in table] == [str(n) for n in range(1, 55)]
    assert {(row["evenement"], row["commune"]) for row in table} == {("Orientation envoyée", "93048")}
    digest = (await service.http.get("/feed/digest", params=PERIOD, headers=council["headers"])).json()["days"][0]
    assert digest["sha256"] == hashlib.sha256(b"".join(UUID(one).bytes for one in pages)).hexdigest()
    assert (digest["day"], digest["count"], digest["complete"]) == ("2026-11-25", 54, False)


async def test_other_cloudevents_library_reads_the_feed_the_stream_and_the_record(
    service: Service, db: Database, association: Council, council: Council, clock: MovableClock
) -> None:
    source = referral(association)
    await project(db, [source], clock)
    [(_, kind, event)] = await events_of(service, council, 1)
    page = (await read(service, council["headers"]))["events"]
    async with db.connection() as connection:
        row = await connection.fetchrow(
            "SELECT headers, payload, subject FROM stream_events WHERE organisation_id = $1",
            UUID(council["organisation_id"]),
        )
    assert row is not None
    record = KafkaMessage(
        {name: text.encode() for name, text in json.loads(row["headers"]).items()}, row["subject"], row["payload"]
    )
    structured = HTTPMessage({"content-type": "application/cloudevents+json"}, json.dumps(event).encode())

    found = [from_structured(structured, JSONFormat()), from_binary(record, JSONFormat())]

    assert page == [event]
    assert kind == event["type"]
    for one in found:
        assert (one.get_id(), one.get_type(), one.get_source()) == (id_of(source), kind, "/partners/cd93")
        assert one.get_data() == event["data"]
        assert one.get_dataschema() == "urn:maillage:schema:referrals.referral.submitted.v1"
    assert decode({"content-type": "application/cloudevents+json"}, structured.body).envelope.id == UUID(id_of(source))


async def test_stream_resumes_after_the_last_event_seen_and_goes_on_live(
    service: Service, db: Database, association: Council, council: Council, clock: MovableClock
) -> None:
    await project(db, [referral(association) for _ in range(3)], clock)
    first = await events_of(service, council, 2)

    rest = asyncio.create_task(events_of(service, council, 2, last_event_id=first[-1][0]))
    later = referral(association)
    await project(db, [later], clock)

    assert [event["sequence"] for _, _, event in await rest] == ["3", "4"]
    assert (await rest)[-1][2]["id"] == id_of(later)
    refused = await service.http.get(
        "/feed", headers={**council["headers"], "accept": "text/event-stream", "last-event-id": "garbage"}
    )
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")


async def test_stream_ends_when_its_token_does(
    service: Service, council: Council, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partners.adapters.http.feed_events.LOOK_SECONDS", 0.05)
    headers = {**council["headers"], "accept": "text/event-stream"}
    async with service.http.stream("GET", "/feed", headers=headers) as answer:
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith("retry:")
        clock.advance(timedelta(minutes=10))

        rest = [line async for line in lines]

    assert not [line for line in rest if line.startswith("data")]


async def test_filter_gives_its_types_only_and_moves_past_the_others(
    service: Service, db: Database, association: Council, council: Council, clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("partners.adapters.feed.WINDOW_ROWS", 4)
    monkeypatch.setattr("partners.app.read_feed.LOOKS_MAX", 2)
    rare = [received(association) for _ in range(2)]
    await project(db, [rare[0], *(referral(association) for _ in range(12)), rare[1]], clock)
    wanted = [id_of(source) for source in rare]

    for types in ("referrals.referral.received.v1", "fr.maillage.referrals.referral.received.v1"):
        assert await every_page(service, council, types=types) == wanted
    for limit in (1, 7):
        assert len(await every_page(service, council, types="referrals.referral.*", limit=limit)) == 14
    assert await every_page(service, council, types="registration.person.*,training.enrolment.*") == []
    streamed = await events_of(service, council, 2, types="referrals.referral.received.v1")
    assert [event["id"] for _, _, event in streamed] == wanted
    for types in ("referrals.referral.recieved.v1", "referrals.nothing.*", "partners.organisation.changed.v1", ","):
        answer = await service.http.get("/feed", params={"types": types}, headers=council["headers"])
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_type")


async def test_days_follow_positions_when_a_clock_is_behind(
    service: Service, db: Database, association: Council, council: Council, clock: MovableClock
) -> None:
    for hours in (0, 13, -3, 40):  # 25th, 26th, 25th again (a clock behind), 27th
        at = MovableClock(NOON + timedelta(hours=hours))
        await project(db, [referral(association) for _ in range(2)], at)
    clock.advance(timedelta(days=2))
    headers = await service.headers(council["client_id"], council["client_secret"])

    async def days() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await service.http.get("/feed/digest", params=PERIOD, headers=headers)).json()[
            "days"
        ]
        return found

    before = await days()

    assert [(d["day"], d["first_sequence"], d["last_sequence"], d["complete"]) for d in before] == [
        ("2026-11-25", 1, 2, True),
        ("2026-11-26", 3, 6, True),
        ("2026-11-27", 7, 8, False),
    ]
    async with db.connection() as connection:
        kept = await connection.fetch("SELECT sha256 FROM stream_days WHERE sha256 IS NOT NULL ORDER BY day")
    assert [row["sha256"].hex() for row in kept] == [d["sha256"] for d in before[:2]]
    assert await days() == before
    export_of_one = await service.http.get(
        "/feed/export", params={"format": "jsonl", "from": "2026-11-26", "to": "2026-11-26"}, headers=headers
    )
    assert [json.loads(line)["sequence"] for line in export_of_one.text.splitlines()] == ["3", "4", "5", "6"]


async def test_client_library_reads_everything_and_proves_it(
    service: Service, db: Database, association: Council, council: Council, clock: MovableClock, tmp_path: Path
) -> None:
    await project(db, [referral(association) for _ in range(5)], clock)
    credentials = {"client_id": council["client_id"], "client_secret": council["client_secret"]}
    async with AsyncFeed(service.url, **credentials, state=tmp_path / "state", limit=2) as feed:
        read_ids = [one.id async for one in feed.until_now()]
        [checked] = await feed.verify(date(2026, 11, 25), date(2026, 11, 25))
        assert checked
        with ReadLog(tmp_path / "state" / "read.ids") as log:
            log.note(3, UUID(int=0))
        [checked] = await feed.verify(date(2026, 11, 25), date(2026, 11, 25))
        assert (bool(checked), checked.missing) == (False, (3,))

    await project(db, [referral(association)], clock)
    async with AsyncFeed(service.url, **credentials, state=tmp_path / "state") as feed:
        assert [one.sequence async for one in feed.until_now()] == [6]
    assert [str(one) for one in read_ids] == (await every_page(service, council))[:5]


@pytest.mark.parametrize(
    "period", [{"from": "2026-11-02", "to": "2026-11-01"}, {"from": "2020-01-01"}, {"from": "yesterday"}]
)
async def test_period_is_refused_when_it_is_none(service: Service, council: Council, period: dict[str, str]) -> None:
    for path in ("/feed/digest", "/feed/export"):
        answer = await service.http.get(path, params=period, headers=council["headers"])

        assert answer.status_code == 422, path
        assert answer.json()["code"] in {"bad_period", "validation_failed"}


async def test_neighbour_sees_no_day_and_no_line_of_anothers(
    service: Service, db: Database, association: Council, council: Council, clock: MovableClock
) -> None:
    await service.organisation("cd94", collectivities=["94D"])
    neighbour = {"headers": await service.client_of("cd94")}
    await project(db, [referral(association)], clock)

    assert (await service.http.get("/feed/digest", params=PERIOD, headers=neighbour["headers"])).json() == {"days": []}
    assert (await export(service, neighbour, "jsonl")).content == b""
    assert (await service.http.get("/feed/digest")).status_code == 401


@pytest.mark.parametrize("rows_held", [10_000, pytest.param(100_000, marks=pytest.mark.long)])
async def test_export_of_a_long_period_is_flat_in_memory(
    service: Service, db: Database, association: Council, council: Council, clock: MovableClock, rows_held: int
) -> None:
    await project(db, [referral(association)], clock)
    owner = UUID(council["organisation_id"])
    async with db.connection() as connection:
        await connection.execute(
            """
            INSERT INTO stream_events
                (organisation_id, position, event_id, ce_type, subject, headers, payload, created_at)
            SELECT organisation_id, n, gen_random_uuid(), ce_type, subject, headers, payload, created_at
            FROM stream_events, generate_series(2, $2::int) n WHERE organisation_id = $1 AND position = 1
            """,
            owner,
            rows_held,
        )
        await connection.execute(
            "UPDATE partner_stream SET last_position = $2 WHERE organisation_id = $1", owner, rows_held
        )
    feed, size = PostgresFeed(db, db, FeedDoorbell()), 0

    tracemalloc.start()
    async for rows in read_period(PostgresStreamDays(db), feed, owner, NOON.date(), NOON.date()):
        size += sum(len(FORMATS["jsonl"].line(row)) for row in rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size > 800 * rows_held
    assert peak < 4_000_000


async def test_feed_is_read_from_a_day_on(
    service: Service, db: Database, clock: MovableClock, association: Council, council: Council
) -> None:
    days = [[referral(association) for _ in range(2)] for _ in range(3)]
    for sources in days:
        await project(db, sources, clock)
        clock.advance(timedelta(days=2))
    ids = [[id_of(source) for source in sources] for sources in days]

    headers = await service.headers(council["client_id"], council["client_secret"])

    async def from_day(day: str) -> list[str]:
        page = await read(service, headers, **{"from": day})
        return [event["id"] for event in page["events"]]

    assert await from_day("2026-11-01") == [one for day in ids for one in day]
    # The 26th had nothing: what follows begins on the 27th.
    assert await from_day("2026-11-26") == await from_day("2026-11-27") == ids[1] + ids[2]
    assert await from_day("2027-01-01") == []
    told = await service.http.get("/feed/cursor?from=2026-11-29", headers=headers)
    page = await read(service, headers, after=told.json()["cursor"])
    assert [event["id"] for event in page["events"]] == ids[2]
    # A cursor says more than a day.
    page = await read(service, headers, **{"from": "2026-11-01", "after": told.json()["cursor"]})
    assert [event["id"] for event in page["events"]] == ids[2]
