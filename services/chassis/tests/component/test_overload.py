"""More requests than a process can answer, and a database that cannot: 503 in bounded time, never a false 201.

Bounds are on what is answered and on recovery, not on speed: the process is given a capacity that is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import httpx
import psutil
import pytest
from fastapi import FastAPI, Request
from pydantic import SecretStr

from chassis.admission import step_aside
from chassis.db import ACQUIRE_TIMEOUT_SECONDS, Database
from chassis.ids import new_id
from chassis.runtime import Runtime
from chassis.settings import ServiceSettings
from chassis.testing.http_process import THINGS, create_app
from chassis.testing.line import Line, line_to
from chassis.testing.processes import process
from maillage.testing.servers import free_ports

pytestmark = [pytest.mark.postgres, pytest.mark.long]

POOL, IN_PROGRESS, SECONDS = 2, 20, 0.1
CAPACITY = POOL / SECONDS
"""Transactions a second, whatever the machine: each holds one of two connections for a tenth of a second."""

ANSWER_SECONDS_MAX = 15.0
RECOVERY_SECONDS_MAX = 10.0
RSS_GROWTH_MAX = 60 * 1024 * 1024


@dataclass
class Answer:
    id: UUID
    status: int
    code: str
    retry_after: str
    seconds: float


async def post(http: httpx.AsyncClient, seconds: float = 0, size: int = 10) -> Answer:
    thing, started = new_id(), time.monotonic()
    answer = await http.post("/things", json={"id": str(thing), "bytes": size, "seconds": seconds})
    code = answer.json().get("code", "") if answer.status_code != 201 else ""
    return Answer(thing, answer.status_code, code, answer.headers.get("retry-after", ""), time.monotonic() - started)


def assert_told_to_come_back(answers: list[Answer]) -> None:
    assert all(a.status in (201, 503) for a in answers), {a.status for a in answers}
    assert all(a.retry_after.isdigit() for a in answers if a.status == 503)
    assert max(a.seconds for a in answers) < ANSWER_SECONDS_MAX


async def assert_stored_exactly(db: Database, answers: list[Answer]) -> None:
    async with db.connection() as connection:
        things = {row["id"] for row in await connection.fetch("SELECT id FROM things")}
        events = {UUID(row["key"]) for row in await connection.fetch("SELECT aggregateid AS key FROM outbox")}
    assert things == events
    assert {a.id for a in answers if a.status == 201} == things & {a.id for a in answers}


async def recovered(http: httpx.AsyncClient) -> Answer:
    async with asyncio.timeout(RECOVERY_SECONDS_MAX):
        while (answer := await post(http)).status != 201:
            await asyncio.sleep(0.1)
    return answer


@pytest.fixture
async def dsn(database: Callable[[str | None], Awaitable[str]]) -> str:
    return await database("chassis")


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    opened = Database(dsn, size=4, application="test")
    async with opened.transaction() as tx:
        await tx.execute(THINGS)
    yield opened
    await opened.close()


@pytest.fixture
async def line(dsn: str) -> AsyncIterator[Line]:
    address = urlsplit(dsn)
    async with line_to(address.hostname or "127.0.0.1", address.port or 5432) as opened:
        yield opened


def through(line: Line, dsn: str) -> str:
    address = urlsplit(dsn)
    user = address.netloc.rpartition("@")[0]
    return urlunsplit(address._replace(netloc=f"{user}@127.0.0.1:{line.port}" if user else f"127.0.0.1:{line.port}"))


@pytest.fixture
async def app(dsn: str, db: Database) -> AsyncIterator[FastAPI]:
    settings = ServiceSettings(stack="test", http_port=0, database_dsn=SecretStr(dsn), database_pool_size=2)
    built = create_app(settings)
    yield built
    runtime: Runtime = built.state.runtime
    await runtime.db.close()
    await runtime.background_db.close()


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as client:
        yield client


async def test_four_times_the_capacity_is_told_to_come_back_and_what_must_go_on_goes_on(dsn: str, db: Database) -> None:
    client = Raw(free_ports(1)[0])
    environment = {
        "MAILLAGE_HTTP_PORT": str(client.port),
        "MAILLAGE_DATABASE_POOL_SIZE": str(POOL),
        "MAILLAGE_HTTP_IN_PROGRESS_MAX": str(IN_PROGRESS),
    }
    async with process("chassis.testing.http_process", dsn=dsn, bootstrap="", **environment) as server:
        await client.up()
        await asyncio.gather(*(client.post() for _ in range(IN_PROGRESS)))
        memory = psutil.Process(server.pid).memory_info().rss

        answers, spared = await overload(client, rate=4 * CAPACITY, seconds=4)

        grown = psutil.Process(server.pid).memory_info().rss - memory
        async with asyncio.timeout(RECOVERY_SECONDS_MAX):
            while answers[-1].status != 201:
                answers.append(await client.post())
        text = (await client.ask("GET", "/metrics"))[2]

    assert_told_to_come_back(answers)
    assert {"", "overloaded"} <= {a.code for a in answers}, "some are done, some are turned away at the door"
    assert set(spared) == {200}, "health and claim checks do not queue behind people"
    assert grown < RSS_GROWTH_MAX
    await assert_stored_exactly(db, answers)
    refused = sum(a.code == "overloaded" for a in answers)
    assert f'maillage_http_turned_away_total{{kind="requests"}} {float(refused)}' in text
    assert 'maillage_http_requests_total{method="POST",route="/things",status="201"}' in text


class Raw:
    """A client that costs next to nothing, so that it is the server that is overloaded."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = f"{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n"
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = (await reader.read()).decode()
        finally:
            writer.close()
        top, _, text = answer.partition("\r\n\r\n")
        first, *lines = top.split("\r\n")
        return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines), text

    async def post(self, seconds: float = 0) -> Answer:
        thing, started = new_id(), time.monotonic()
        status, headers, text = await self.ask(
            "POST", "/things", json.dumps({"id": str(thing), "seconds": seconds}).encode()
        )
        code = json.loads(text).get("code", "") if status != 201 else ""
        return Answer(thing, status, code, headers.get("retry-after", ""), time.monotonic() - started)

    async def up(self) -> None:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError):
                    if (await self.ask("GET", "/health/ready"))[0] == 200:
                        return
                await asyncio.sleep(0.1)


async def overload(client: Raw, *, rate: float, seconds: float) -> tuple[list[Answer], list[int]]:
    """Send at this rate whatever is answered (an open loop), with health and claim checks beside it."""
    started = time.monotonic()
    sent: list[asyncio.Task[Answer]] = []
    spared: list[int] = []

    async def spare() -> None:
        while time.monotonic() - started < seconds:
            for path in ("/health/ready", "/claims/things"):
                spared.append((await client.ask("GET", path))[0])
            await asyncio.sleep(0.2)

    sparing = asyncio.create_task(spare())
    while (now := time.monotonic() - started) < seconds:
        sent += [asyncio.create_task(client.post(SECONDS)) for _ in range(int(now * rate) - len(sent))]
        await asyncio.sleep(0.01)
    await sparing
    return list(await asyncio.gather(*sent)), spared


async def test_a_slow_sender_holds_nobodys_place(app: FastAPI, http: httpx.AsyncClient) -> None:
    runtime: Runtime = app.state.runtime
    runtime.gate.places["requests"].most = 1
    hold = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"id":'
        await hold.wait()
        yield f'"{new_id()}"}}'.encode()

    slow = asyncio.create_task(http.post("/things", content=slowly(), headers={"content-type": "application/json"}))
    await asyncio.sleep(0)
    quick = await post(http)
    hold.set()

    assert (quick.status, (await slow).status_code) == (201, 201)
    assert all(places.taken == 0 for places in runtime.gate.places.values())


async def test_who_waits_for_something_to_happen_gives_the_place_back(app: FastAPI, http: httpx.AsyncClient) -> None:
    runtime: Runtime = app.state.runtime
    runtime.gate.places["requests"].most = 1
    happened = asyncio.Event()

    @app.get("/until-it-happens")
    async def wait(request: Request) -> dict[str, bool]:
        step_aside(request)
        await happened.wait()
        return {"happened": True}

    waiting = [asyncio.create_task(http.get("/until-it-happens")) for _ in range(3)]
    while runtime.gate.places["waiting"].taken < 3:
        await asyncio.sleep(0.01)
    beside = await post(http)
    happened.set()

    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [200] * 3
    assert beside.status == 201
    assert all(places.taken == 0 for places in runtime.gate.places.values())


async def test_without_a_free_connection_the_answer_is_503_in_bounded_time(
    app: FastAPI, http: httpx.AsyncClient, db: Database
) -> None:
    runtime: Runtime = app.state.runtime
    async with runtime.db.connection(), runtime.db.connection():
        answers = list(await asyncio.gather(*(post(http) for _ in range(20))))

    assert {a.status for a in answers} == {503}
    assert_told_to_come_back(answers)
    assert min(a.seconds for a in answers) >= ACQUIRE_TIMEOUT_SECONDS * 0.9
    await assert_stored_exactly(db, [*answers, await recovered(http)])


async def test_a_database_that_is_gone_or_silent_is_a_503_and_never_a_201(
    dsn: str, db: Database, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.runtime.HTTP_STATEMENT_TIMEOUT_MS", 500)
    settings = ServiceSettings(
        stack="test", http_port=0, database_dsn=SecretStr(through(line, dsn)), database_pool_size=4
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as http:
        answers = [await post(http)]
        line.cut()
        gone = [await post(http) for _ in range(3)]
        line.heal()
        answers.append(await recovered(http))
        line.silence()
        silent = list(await asyncio.gather(*(post(http) for _ in range(12))))
        line.heal()
        answers.append(await recovered(http))

    runtime: Runtime = app.state.runtime
    await runtime.db.close()
    assert {a.status for a in gone} == {a.status for a in silent} == {503}
    assert_told_to_come_back([*answers, *gone, *silent])
    await assert_stored_exactly(db, answers)


async def test_an_event_that_kafka_would_refuse_is_a_413_and_stores_nothing(
    http: httpx.AsyncClient, db: Database
) -> None:
    refused = await post(http, size=950_000)
    kept = await post(http, size=890_000)

    assert (refused.status, refused.code) == (413, "event_too_large")
    assert kept.status == 201
    await assert_stored_exactly(db, [refused, kept])


DISK_FULL = """
CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER disk_full BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION disk_full();
"""


async def test_a_database_that_says_its_disk_is_full_is_a_503(http: httpx.AsyncClient, db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute(DISK_FULL)
    full = await post(http)
    async with db.transaction() as tx:
        await tx.execute("DROP TRIGGER disk_full ON outbox")
    answers = [full, await recovered(http)]

    assert full.status == 503
    assert_told_to_come_back(answers)
    await assert_stored_exactly(db, answers)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: mounting a small file system needs root")
async def test_a_disk_that_is_really_full_is_a_503_until_there_is_room(
    http: httpx.AsyncClient, db: Database, small_disk: Path
) -> None:
    answers: list[Answer] = []
    while not answers or answers[-1].status == 201:
        answers.append(await post(http, size=400_000))
    answers += [await post(http, size=400_000) for _ in range(3)]
    await run("mount", "-o", "remount,size=64m", str(small_disk))
    answers.append(await recovered(http))

    assert [a.status for a in answers].count(201) > 1
    assert_told_to_come_back(answers)
    await assert_stored_exactly(db, answers)


@pytest.fixture
async def small_disk(db: Database, postgres_server: object) -> AsyncIterator[Path]:
    """A file system of 8 MiB on which this database has its tables."""
    async with db.connection() as connection:
        data = Path(await connection.fetchval("SHOW data_directory"))
    if not data.is_dir():
        pytest.skip("NOT RUN: the disk of the database server is not this machine's")
    owner, place = data.stat(), data.parent / f"small-{new_id().hex}"
    place.mkdir()
    await run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place))
    os.chown(place, owner.st_uid, owner.st_gid)
    name = f"small_{new_id().hex}"
    try:
        async with db.connection() as connection:
            admin = await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            if not admin:
                pytest.skip("NOT RUN: the tests' role may not make a tablespace")
            await connection.execute(f"CREATE TABLESPACE {name} LOCATION '{place}'")
            for table in ("outbox", "things"):
                await connection.execute(f"ALTER TABLE {table} SET TABLESPACE {name}")
        yield place
        async with db.connection() as connection:
            for table in ("outbox", "things"):
                await connection.execute(f"DROP TABLE {table}")
            await connection.execute(f"DROP TABLESPACE {name}")
    finally:
        await run("umount", "-l", str(place))


async def run(*command: str) -> None:
    started = await asyncio.create_subprocess_exec(*command)
    assert await started.wait() == 0, command
