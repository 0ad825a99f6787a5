"""`GET /feed` on the running service: cursors, pages and waiting."""

from __future__ import annotations

import asyncio
import time
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from chassis.db import Database
from maillage_contracts.codec import decode
from partners.domain.cursor import write_cursor

from .reading import id_of, project, read, referral

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""


@pytest.fixture
async def association(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = await service.organisation("asso1", "association")
    return found


@pytest.fixture
async def council(service: Service, association: dict[str, Any]) -> dict[str, str]:
    """The header with which the council reads its feed."""
    await service.organisation("cd93", collectivities=["93D"])
    headers: dict[str, str] = await service.client_of("cd93")
    return headers


async def test_pages_follow_one_another_without_gap_or_repeat(
    service: Service, db: Database, association: dict[str, Any], council: dict[str, str]
) -> None:
    sources = [referral(association) for _ in range(7)]
    await project(db, sources)

    first = await read(service, council, limit=3)
    second = await read(service, council, limit=3, after=first["cursor"])
    third = await read(service, council, limit=3, after=second["cursor"])
    nothing = await read(service, council, limit=3, after=third["cursor"])

    assert [page["more"] for page in (first, second, third, nothing)] == [True, True, False, False]
    events = first["events"] + second["events"] + third["events"]
    assert [event["id"] for event in events] == [id_of(source) for source in sources]
    assert [event["sequence"] for event in events] == [str(n) for n in range(1, 8)]
    assert (nothing["events"], nothing["cursor"]) == ([], third["cursor"])
    assert (await read(service, council, limit=3, after=first["cursor"])) == second


async def test_event_is_a_cloudevent_that_the_contracts_read(
    service: Service, db: Database, association: dict[str, Any], council: dict[str, str]
) -> None:
    source = referral(association)
    await project(db, [source])

    answer = await service.http.get("/feed", headers=council)

    [event] = answer.json()["events"]
    raw = answer.content.split(b'"events":[')[1].rsplit(b'],"cursor"', 1)[0]
    decoded = decode({"content-type": "application/cloudevents+json"}, raw)
    headers = {name: (value or b"").decode() for name, value in source.headers}
    original = decode(headers, source.value)
    assert decoded.event == original.event
    assert (source.value or b"") in raw
    assert decoded.envelope.source == "/partners/cd93"
    assert event["specversion"] == "1.0"
    assert decoded.envelope.id == original.envelope.id
    assert decoded.envelope.correlation_id == original.envelope.correlation_id


async def test_neighbour_sees_nothing_and_the_referrer_sees_its_own(
    service: Service, db: Database, association: dict[str, Any], council: dict[str, str]
) -> None:
    await service.organisation("cd94", collectivities=["94D"])
    await service.organisation("asso2", "association", collectivities=["93D"])
    await project(db, [referral(association)])

    assert len((await read(service, council))["events"]) == 1
    assert len((await read(service, await service.client_of("asso1")))["events"]) == 1
    assert (await read(service, await service.client_of("cd94")))["events"] == []
    assert (await read(service, await service.client_of("asso2")))["events"] == []


async def test_cursor_is_refused_when_it_is_anothers_or_garbage_or_of_the_future(
    service: Service, db: Database, association: dict[str, Any], council: dict[str, str]
) -> None:
    await project(db, [referral(association)])
    theirs = (await read(service, await service.client_of("asso1")))["cursor"]
    mine = (await read(service, council))["cursor"]
    organisation = (await service.call("GET", "/organisations/cd93")).json()
    future = write_cursor(UUID(organisation["organisation_id"]), 2)

    for cursor in (theirs, "garbage", mine[:-1], mine + "A", "é" * 34, future):
        answer = await service.http.get("/feed", params={"after": cursor}, headers=council)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor"), cursor
        assert answer.headers["content-type"] == "application/problem+json"


async def test_limits_are_refused_when_out_of_bounds(service: Service, council: dict[str, str]) -> None:
    for params in ({"limit": 0}, {"limit": 501}, {"wait": 26}, {"wait": -1}, {"limit": "x"}):
        answer = await service.http.get("/feed", params=params, headers=council)

        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), params


async def test_wait_ends_at_once_when_another_replica_commits_an_event(
    service: Service, db: Database, association: dict[str, Any], council: dict[str, str]
) -> None:
    waiting = asyncio.create_task(read(service, council, wait=25))
    answered = asyncio.create_task(read(service, council, wait=0))
    assert (await answered)["events"] == []
    await project(db, [referral(association)])

    # Far from the end of the wait, which would bring the event too.
    async with asyncio.timeout(15):
        page = await waiting

    assert len(page["events"]) == 1


async def test_wait_ends_empty_with_the_same_cursor_when_nothing_comes(
    service: Service, council: dict[str, str]
) -> None:
    started = time.monotonic()

    page = await read(service, council, wait=1)

    assert page["events"] == []
    assert time.monotonic() - started >= 0.9
    assert (await read(service, council, after=page["cursor"]))["events"] == []


async def test_other_requests_are_answered_when_more_readers_wait_than_there_are_connections(
    service: Service, db: Database, association: dict[str, Any], council: dict[str, str]
) -> None:
    waiting = [asyncio.create_task(read(service, council, wait=20)) for _ in range(40)]
    # Answered after those before it on the same loop were begun.
    for _ in range(3):
        await read(service, council)

    assert (await service.call("GET", "/organisations/cd93")).status_code == 200
    await project(db, [referral(association)])

    assert [len(page["events"]) for page in await asyncio.gather(*waiting)] == [1] * 40
