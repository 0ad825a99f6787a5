"""What is taken away is refused by every replica and by other services within seconds: measured, on a real Kafka."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import httpx
import pytest
import uvicorn
from fastapi import APIRouter

from chassis.app import Parts, build_app
from chassis.auth import Caller, require
from chassis.runtime import build_runtime
from chassis.settings import ServiceSettings
from maillage.testing.servers import KafkaServer

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

WITHIN_SECONDS = 10.0


@asynccontextmanager
async def another_service(dsn: str, kafka: str, keys: str, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run a service that has nothing but the chassis, with its own database and its own group."""
    router = APIRouter()

    @router.get("/mine")
    async def mine(caller: Annotated[Caller, require("feed:read")]) -> dict[str, str]:
        return {"client_id": caller.client_id}

    settings = ServiceSettings.model_validate(
        {
            "stack": "test", "http_port": 0, "database_dsn": dsn, "kafka_bootstrap": kafka,
            "jwks_url": f"{keys}/.well-known/jwks.json", "token_issuer": "http://issuer.example",
        }
    )  # fmt: skip
    app = build_app(build_runtime(name, settings), Parts(routers=[router]))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(30):
            while not server.started:
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as http:
                while (await http.get("/health/ready")).status_code != 200:
                    await asyncio.sleep(0.05)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as http:
            yield http
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving


@pytest.mark.long
async def test_what_ends_is_refused_by_replicas_and_other_services_within_ten_seconds(
    run_partners: Any, database: Any, kafka_server: KafkaServer, bus: Any, topic_name: Any, tmp_path: Path
) -> None:
    kafka = {"kafka_bootstrap": kafka_server.bootstrap}
    async with (
        run_partners(**kafka) as one,
        run_partners(**kafka, instance="1") as two,
        another_service(await database("chassis"), kafka_server.bootstrap, one.url, topic_name("other")) as other,
    ):
        places = [(one.http, "/feed"), (two.http, "/feed"), (other, "/mine")]
        await one.organisation("asso1", "association")
        made = (await one.call("POST", "/organisations/asso1/clients")).json()
        client_id, path = made["client_id"], f"/organisations/asso1/clients/{made['client_id']}"
        [listed] = (await one.call("GET", "/organisations/asso1/clients")).json()["items"]
        first = await one.headers(client_id, made["client_secret"])
        new = (await one.call("POST", f"{path}/secrets")).json()
        second = await two.headers(client_id, new["client_secret"])

        async def statuses(headers: dict[str, str]) -> list[int]:
            answers = await asyncio.gather(*(http.get(where, headers=headers) for http, where in places))
            return [answer.status_code for answer in answers]

        async def refused_after(headers: dict[str, str]) -> float:
            started = time.monotonic()
            async with asyncio.timeout(WITHIN_SECONDS):
                while await statuses(headers) != [401, 401, 401]:
                    await asyncio.sleep(0.02)
            return time.monotonic() - started

        assert await statuses(first) == await statuses(second) == [200, 200, 200]
        assert (await two.call("DELETE", f"{path}/secrets/{listed['secrets'][0]['secret_id']}")).status_code == 204
        of_secret = await refused_after(first)
        assert await statuses(second) == [200, 200, 200], "the other secret's tokens open as before"
        assert (await one.call("DELETE", path)).status_code == 204
        of_client = await refused_after(second)

    print(f"refused by two replicas and another service: secret {of_secret:.2f} s, client {of_client:.2f} s")  # noqa: T201
