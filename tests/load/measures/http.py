"""POST /referrals: authenticated, validated, once a key, sealed, stored with its event; over real sockets.

Each server is loaded twice: by connections that are always busy, which measures throughput, then by requests on a
schedule, which measures latency (see arms/http_load.py on why the first cannot).
"""

from __future__ import annotations

import asyncio
import base64
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
from tests.load.figures import falling_behind, percentile
from tests.load.issuer import published, token_of
from tests.load.measures.measure import BEHIND, ArmOf, Figures, Goal, Measure, Metric
from tests.load.processes import Arm, cpu_seconds, service
from tests.load.rig import Rig, WrongCount
from tests.load.sizes import Sizes

from chassis.db import Database
from chassis.directory import apply_organisations
from chassis.testing.events import AT, COUNCIL
from chassis.testing.tokens import ISSUER_URL, Issuer
from maillage.stack import postgres_software
from maillage.stack.topics import ensure_topics
from maillage.testing.servers import free_ports
from maillage_contracts import OrganisationRegistered, Territory

ANSWER_SECONDS = 120.0
SCRAPE_SECONDS = 1.0
POOL = 8
"""Clients of pgbench: as many as the service has connections for HTTP."""

SCRIPT = Path(__file__).parents[1] / "arms" / "submission.sql"
CREATED, REFUSED = "201", "503"
"""Refused is not lost: a service that is asked for more than it can do says so in bounded time. It is counted."""


async def store_council(dsn: str) -> None:
    """Make the directory know a council, as its topic would."""
    event = OrganisationRegistered(
        organisation_id=COUNCIL, aggregate_version=1, code="bench94", name="Département exemple", kind="council",
        phone="+33 1 99 00 00 00", postal_address="1 rue de l’Exemple\n94000 Exemple",
        territory=Territory(communes=(), epcis=(), departements=(), collectivities=("94D",)), changed_at=AT,
    )  # fmt: skip
    database = Database(dsn, size=2, application="bench")
    async with database.transaction() as tx:
        await apply_organisations(tx, [event])
    await database.close()


def referrals_service(
    rig: Rig, dsn: str, port: int, jwks_url: str, *, kafka: bool, environment: Mapping[str, str] | None = None
) -> AbstractAsyncContextManager[psutil.Process]:
    """Run the referrals service as `maillage` does, with or without Kafka."""
    master_key = rig.folder / "master-key"
    master_key.write_bytes(base64.b64encode(bytes(range(32))))
    settings = {
        "MAILLAGE_STACK": "test",
        "MAILLAGE_HTTP_PORT": str(port),
        "MAILLAGE_DATABASE_DSN": dsn,
        "MAILLAGE_KAFKA_BOOTSTRAP": rig.bootstrap if kafka else "",
        "MAILLAGE_JWKS_URL": jwks_url,
        "MAILLAGE_TOKEN_ISSUER": ISSUER_URL,
        "MAILLAGE_MASTER_KEY_FILE": str(master_key),
    }
    argv = [sys.executable, "-m", "chassis.serve", "referrals"]
    settings |= environment or {}
    return service(rig.folder, "referrals", argv, settings, f"http://127.0.0.1:{port}/health/ready")


def tutorial_api(rig: Rig, dsn: str, port: int, jwks_url: str) -> AbstractAsyncContextManager[psutil.Process]:
    """Run the tutorial's API with uvicorn's own choices of loop and parser: the fast ones, where installed."""
    argv = [sys.executable, "-m", "uvicorn", "tests.load.arms.tutorial_api:app", "--port", str(port)]
    argv += ["--no-access-log"]
    environment = {"DATABASE_URL": dsn, "JWKS_URL": jwks_url}
    return service(rig.folder, "tutorial_api", argv, environment, f"http://127.0.0.1:{port}/openapi.json")


async def pgbench(rig: Rig, sizes: Sizes) -> Figures:
    """Run the statements of one submission from PostgreSQL's own load program: what the database alone allows."""
    async with rig.database("referrals") as dsn:
        program = postgres_software.find().program("pgbench")
        argv = [
            "--client",
            str(POOL),
            "--no-vacuum",
            "--file",
            str(SCRIPT),
            "--time",
            str(max(1, round(sizes.http_seconds))),
        ]
        process = await asyncio.create_subprocess_exec(
            str(program), *argv, "--protocol", "prepared", dsn,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output = (await process.communicate())[0].decode()
    found = re.search(r"tps = ([0-9.]+)", output)
    if process.returncode or found is None:
        raise WrongCount(f"pgbench: {output[-1000:]}")
    return {"rate": float(found[1])}


async def _load(load: Arm, word: str) -> Mapping[str, Any]:
    await load.send(word)
    answer = await load.answer(ANSWER_SECONDS)
    if answer["statuses"].keys() - {CREATED, REFUSED}:
        raise WrongCount(f"answers that are neither 201 nor 503: {answer['statuses']}")
    return answer


async def measure_submissions(
    rig: Rig,
    sizes: Sizes,
    *,
    server: str,
    kafka: bool = False,
    environment: Mapping[str, str] | None = None,
    read_metrics: bool = False,
) -> Figures:
    """Load a server of POST /referrals; return its figures, once every answer has its row."""
    issuer = Issuer()
    (port,) = free_ports(1)
    if kafka:
        await ensure_topics(rig.bootstrap)
    async with rig.database("referrals") as dsn, published(issuer) as jwks_url:
        await store_council(dsn)
        serving = (
            tutorial_api(rig, dsn, port, jwks_url)
            if server == "tutorial"
            else referrals_service(rig, dsn, port, jwks_url, kafka=kafka, environment=environment)
        )
        async with serving as process:
            config = {"port": port, "token": token_of(issuer), "connections": sizes.http_connections}
            async with rig.arm("http_load", **config) as load:
                await load.send("go")
                async with _scraped(port) if read_metrics else nullcontext():
                    figures, created = await _both_loads(load, process, sizes)
            if kafka:
                await _relayed(dsn)
        await _expect_rows(dsn, created)
    return figures


@asynccontextmanager
async def _scraped(port: int) -> AsyncIterator[None]:
    """Read the server's metrics each second, as a collector does more rarely."""

    async def scrape() -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            while True:
                (await http.get(f"http://127.0.0.1:{port}/metrics")).raise_for_status()
                await asyncio.sleep(SCRAPE_SECONDS)

    scraping = asyncio.create_task(scrape())
    try:
        yield
        if scraping.done():
            await scraping
    finally:
        scraping.cancel()


async def _both_loads(load: Arm, process: psutil.Process, sizes: Sizes) -> tuple[Figures, int]:
    first = await _first_answers(load)
    warm_up = await _load(load, f"closed {sizes.http_warm_up_seconds}")
    before = cpu_seconds(process)
    busy = await _load(load, f"closed {sizes.http_seconds}")
    spent = cpu_seconds(process) - before
    steady = await _load(load, f"open {sizes.http_rate} {sizes.http_seconds}")
    created = first + sum(answer["statuses"].get(CREATED, 0) for answer in (warm_up, busy, steady))
    if not busy["latencies"] or not steady["latencies"]:
        return {}, created
    asked = sum(sum(answer["statuses"].values()) for answer in (busy, steady))
    refused = sum(answer["statuses"].get(REFUSED, 0) for answer in (busy, steady))
    figures = {
        "rate": len(busy["latencies"]) / sizes.http_seconds,
        "cpu": 1e6 * spent / busy["statuses"][CREATED],
        "closed_p99": percentile(sorted(busy["latencies"]), 0.99),
        "p50": percentile(sorted(steady["latencies"]), 0.50),
        "p99": percentile(sorted(steady["latencies"]), 0.99),
        BEHIND: falling_behind(steady["latencies"]),
        "refused": 100 * refused / asked,
    }
    return figures, created


async def _first_answers(load: Arm) -> int:
    """Ask until the server serves; return how many were served. It fetches the issuer's keys when first asked."""
    created = 0
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            await load.send("closed 0.05")
            statuses: dict[str, int] = (await load.answer(ANSWER_SECONDS))["statuses"]
            created += statuses.get(CREATED, 0)
            if statuses.keys() == {CREATED}:
                return created


async def _relayed(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            while await connection.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def _expect_rows(dsn: str, created: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        referrals = await connection.fetchval("SELECT count(*) FROM referrals")
        keys = await connection.fetchval("SELECT count(DISTINCT resource_id) FROM idempotency_keys")
    finally:
        await connection.close()
    if referrals != created or keys != created:
        raise WrongCount(f"{created} answers 201, {referrals} referrals, {keys} keys")


TUTORIAL = "tutorial: FastAPI, a plain pool, no relay"

HTTP = Measure(
    key="http",
    title=lambda sizes: f"POST /referrals over {sizes.http_connections} connections; schedule: {sizes.http_rate}/s",
    metrics=(
        Metric("rate", "created/s, all connections busy"),
        Metric("cpu", "µs of server CPU a request"),
        Metric("closed_p99", "ms, p99, all connections busy", 1),
        Metric("p50", "ms, p50, on a schedule", 1, scheduled=True),
        Metric("p99", "ms, p99, on a schedule", 1, scheduled=True),
        Metric("refused", "% refused (503)", 2),
    ),
    arms=(
        ArmOf("Maillage: referrals, without its relay", partial(measure_submissions, server="ours")),
        ArmOf("Maillage: referrals as deployed, relaying", partial(measure_submissions, server="ours", kafka=True)),
        ArmOf(TUTORIAL, partial(measure_submissions, server="tutorial")),
        ArmOf("pgbench: the same statement, no HTTP", pgbench),
    ),
    goals=(
        Goal("referrals/s ≥ 1.5× FastAPI + pool", "rate", 1.5, at_least=True, against=TUTORIAL),
        Goal("p99 ≤ 0.3× FastAPI + pool, all connections busy", "closed_p99", 0.3, against=TUTORIAL),
        Goal("p99 ≤ 0.3× FastAPI + pool, on a schedule", "p99", 0.3, against=TUTORIAL),
    ),
)
