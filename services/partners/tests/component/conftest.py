"""A partners process on a real PostgreSQL, without Kafka unless a test asks for it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from aiokafka import AIOKafkaProducer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.clock import Clock
from chassis.db import Database
from chassis.testing.kafka import create_contract_topics
from maillage.testing.servers import KafkaServer, free_ports
from partners.main import create_app
from partners.settings import PartnersSettings

MakeDatabase = Callable[[str | None], Awaitable[str]]

READY_SECONDS = 30.0
TERRITORY: dict[str, list[str]] = {"communes": [], "epcis": [], "departements": [], "collectivities": []}


def write_files(folder: Path) -> dict[str, Path]:
    """Write the key files and the bootstrap clients; each client's secret is `secret-of-<client id>`."""
    files = {
        "signing_key_file": folder / "signing.pem",
        "bootstrap_clients_file": folder / "clients.json",
        "master_key_file": folder / "master.key",
    }
    if files["signing_key_file"].exists():
        return files
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    clients = [
        {
            "client_id": client_id,
            "secret_sha256": hashlib.sha256(f"secret-of-{client_id}".encode()).hexdigest(),
            "organisation_code": client_id,
            "scopes": scopes,
        }
        for client_id, scopes in (
            ("operator", ["operations"]),
            ("portal", ["members:act"]),
            ("referrals", ["claims:read"]),
        )
    ]
    files["signing_key_file"].write_bytes(key)
    files["bootstrap_clients_file"].write_text(json.dumps(clients))
    files["master_key_file"].write_bytes(base64.b64encode(os.urandom(32)))
    return files


@dataclass
class Service:
    """A running partners process, and clients of it."""

    url: str
    http: httpx.AsyncClient

    async def token(self, client_id: str, secret: str | None = None, **form: str) -> httpx.Response:
        """Ask for a token."""
        return await self.http.post(
            "/oauth/token",
            data={"grant_type": "client_credentials", **form},
            auth=(client_id, secret or f"secret-of-{client_id}"),
        )

    async def headers(self, client_id: str, secret: str | None = None) -> dict[str, str]:
        """Return the header that carries a client's token."""
        answer = await self.token(client_id, secret)
        assert answer.status_code == 200, answer.text
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    async def call(self, method: str, path: str, *, by: str = "operator", **options: Any) -> httpx.Response:
        """Call a route as one of the bootstrap clients."""
        return await self.http.request(method, path, headers=await self.headers(by), **options)

    async def organisation(self, code: str, kind: str = "council", **territory: list[str]) -> dict[str, Any]:
        """Register an organisation that obviously does not exist."""
        body = {
            "name": f"Organisation d’exemple {code}",
            "kind": kind,
            "phone": "01 99 00 00 00",
            "postal_address": "1 rue de l’Exemple\n93000 Exemple",
            "territory": {**TERRITORY, **territory},
        }
        answer = await self.call("PUT", f"/organisations/{code}", json=body)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def client_of(self, code: str) -> dict[str, str]:
        """Create an API client of an organisation and return the header that carries its token."""
        answer = await self.call("POST", f"/organisations/{code}/clients")
        assert answer.status_code == 201, answer.text
        return await self.headers(answer.json()["client_id"], answer.json()["client_secret"])

    async def until(self, question: Callable[[], Awaitable[bool]]) -> None:
        """Ask again and again until the answer is yes; fails after READY_SECONDS."""
        await until(question)


@asynccontextmanager
async def running(
    dsn: str,
    folder: Path,
    *,
    kafka_bootstrap: str = "",
    kafka_partner_bootstrap: str = "",
    clock: Clock | None = None,
    instance: str = "0",
    when_ready: bool = True,
    **other: Any,
) -> AsyncIterator[Service]:
    """Run a partners process on a port of its own until the block ends.

    One `instance` after another takes its consumers' partitions back at once; two at a time need different ones.
    """
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    settings = PartnersSettings.model_validate(
        {
            "stack": "test",
            "webhook_loopback": True,
            "instance": instance,
            "http_port": port,
            "database_dsn": dsn,
            "kafka_bootstrap": kafka_bootstrap,
            "kafka_partner_bootstrap": kafka_partner_bootstrap,
            "jwks_url": f"{url}/.well-known/jwks.json",
            "token_issuer": "http://issuer.example",
            **(write_files(folder)),
            **other,
        }
    )
    app = create_app(settings, clock)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    try:
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            await until_ready(http, "ready" if when_ready else "live")
            yield Service(url, http)
    finally:
        server.should_exit = True
        await serving


async def until(question: Callable[[], Awaitable[bool]], seconds: float = READY_SECONDS) -> None:
    """Ask again and again until the answer is yes; fails after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await question():
        assert asyncio.get_running_loop().time() < deadline, "not within the time allowed"
        await asyncio.sleep(0.02)


async def until_ready(http: httpx.AsyncClient, what: str) -> None:
    """Wait until the process says that it is `ready`, or only that it is `live`."""
    found: dict[str, Any] = {}

    async def ready() -> bool:
        with contextlib.suppress(httpx.TransportError):
            answer = await http.get(f"/health/{what}")
            found.update(answer.json())
            return answer.status_code == 200
        return False

    try:
        await until(ready)
    except AssertionError:
        raise AssertionError(f"not ready: {found}") from None


@pytest.fixture
async def dsn(database: MakeDatabase) -> str:
    """A database with this service's schema."""
    return await database("partners")


@pytest.fixture
def run_partners(dsn: str, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Service]]:
    """Run partners processes on this test's database, with other settings than `service` has."""
    return partial(running, dsn, tmp_path)


@pytest.fixture
async def service(dsn: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A running process; it consumes nothing."""
    async with running(dsn, tmp_path) as service:
        yield service


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    """The same database, seen from beside the process."""
    opened = Database(dsn, size=20, application="test")
    yield opened
    await opened.close()


@pytest.fixture
async def bus(kafka_server: KafkaServer) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that stands for the other services, and their topics."""
    await create_contract_topics(kafka_server.bootstrap)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap, acks="all")
    await producer.start()
    yield producer
    await producer.stop()
