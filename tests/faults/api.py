"""One trial of the API: the real referrals service, and callers who repeat a request until they know its outcome."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from tests.faults.children import Child
from tests.faults.oracle import Facts, Said
from tests.faults.proxy import Proxy
from tests.faults.rig import PATIENCE_SECONDS, Rig, end_offsets, read_topic, through, until
from tests.load.issuer import published
from tests.load.measures.http import store_council

from chassis.testing.events import ASSOCIATION
from chassis.testing.tokens import ISSUER_URL, Issuer
from maillage.stack.topics import ensure_topics
from maillage.testing.servers import free_ports

TOPIC = "referrals-referral-v1"
DIES_SECONDS = 15.0
REPEAT_SECONDS = 0.05
COME_BACK = {409, 429, 503}
"""What a caller may be told while something is hurt: come back with the same key."""

BODY = {
    "commune": "94028",
    "person": {"first_name": "Camille", "last_name": "Exemple", "birth_date": "1990-05-17"},
    "themes": ["numerique--acceder-a-une-connexion-internet"],
    "note": None,
    "person_informed": True,
}


@dataclass
class Api:
    """What a scenario may use and hurt."""

    rig: Rig
    chance: random.Random
    dsn: str
    jwks_url: str
    issuer: Issuer
    folder: Path
    stack: AsyncExitStack
    effort: float
    since: dict[int, int]
    port: int
    postgres: Proxy | None = None
    children: list[Child] = field(default_factory=list)
    keys: int = 0
    created: dict[str, UUID] = field(default_factory=dict)
    """What the callers were told, by idempotency key."""
    strange: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    refusals: int = 0
    slowest_seconds: float = 0.0
    """The longest that a caller waited for one answer, or for none."""
    injected: int = 0
    healed_at: float = 0.0

    def rounds(self, whole: int) -> int:
        """Return how many rounds of something that a whole trial does `whole` times."""
        return max(1, round(whole * self.effort))

    def seconds(self, whole: float) -> float:
        """Return how long something takes: `whole` seconds in a whole trial, and no more in a larger one."""
        return whole * min(1.0, self.effort)

    async def through_proxy(self) -> None:
        """Put a proxy before the database of the services that are started from now on."""
        self.postgres = await self.rig.postgres_proxy(self.stack, self.chance)

    async def service(self, *, faults: str = "", **environment: str) -> Child:
        """Start the service on the trial's port."""
        master_key = self.folder / "master-key"
        master_key.write_bytes(base64.b64encode(bytes(range(32))))
        own = {
            "MAILLAGE_STACK": "test",
            "MAILLAGE_HTTP_PORT": str(self.port),
            "MAILLAGE_DATABASE_DSN": through(self.dsn, self.postgres.port) if self.postgres else self.dsn,
            "MAILLAGE_KAFKA_BOOTSTRAP": self.rig.kafka.bootstrap,
            "MAILLAGE_JWKS_URL": self.jwks_url,
            "MAILLAGE_TOKEN_ISSUER": ISSUER_URL,
            "MAILLAGE_MASTER_KEY_FILE": str(master_key),
            "MAILLAGE_FAULT_POINTS": faults,
        }
        log = self.folder / f"{len(self.children)}-service.log"
        child = await self.rig.nursery.start("chassis.serve", "referrals", log=log, environment={**own, **environment})
        self.children.append(child)
        return child

    async def dies(self, victim: Child) -> None:
        """Wait until a fault point has killed the service; past a limit it is killed here."""
        if not await victim.ended(DIES_SECONDS):
            victim.kill()
            await victim.ended(DIES_SECONDS)
        self.injected += 1

    def token(self) -> str:
        """Return an association's token."""
        return self.issuer.token(
            ASSOCIATION, code="asso1", kind="association", scope="referrals:write referrals:read"
        )  # fmt: skip

    @asynccontextmanager
    async def calling(self, callers: int = 6) -> AsyncIterator[None]:
        """Let callers submit beside the block; at its end each repeats its last request until it has an outcome."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._call(stop)) for _ in range(callers)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def submit_once(self) -> int:
        """Submit once, and return the status."""
        headers = {
            "authorization": f"Bearer {self.token()}",
            "idempotency-key": f"key-{self.chance.getrandbits(96):024x}",
        }
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=60, trust_env=False) as http:
            answer = await http.post("/referrals", json=BODY, headers=headers)
        if answer.status_code == 201:
            self._told(headers["idempotency-key"], answer)
        return answer.status_code

    async def _call(self, stop: asyncio.Event) -> None:
        headers = {"authorization": f"Bearer {self.token()}"}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=20, trust_env=False
        ) as http:
            while not stop.is_set():
                key = f"key-{self.chance.getrandbits(96):024x}"
                self.keys += 1
                await self._until_told(http, key)
                await asyncio.sleep(0.005)

    async def _until_told(self, http: httpx.AsyncClient, key: str) -> None:
        while True:
            asked = time.monotonic()
            try:
                answer = await http.post("/referrals", json=BODY, headers={"idempotency-key": key})
            except httpx.HTTPError:
                self.refusals += 1
                await asyncio.sleep(REPEAT_SECONDS)
                continue
            finally:
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - asked)
            if answer.status_code == 201:
                self._told(key, answer)
                return
            if answer.status_code not in COME_BACK:
                self.strange.append(f"HTTP {answer.status_code}")
                return
            if answer.status_code == 503 and "retry-after" not in answer.headers:
                self.strange.append("503 without Retry-After")
            self.refusals += 1
            await asyncio.sleep(REPEAT_SECONDS)

    def _told(self, key: str, answer: httpx.Response) -> None:
        self.created[key] = UUID(answer.json()["referral_id"])

    async def told(self, more: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Return once `more` requests than now were answered 201; raises when they are not."""
        wanted = len(self.created) + more
        if not await until(lambda: len(self.created) >= wanted, seconds):
            raise TimeoutError(f"{len(self.created)} requests answered, {wanted} expected")

    async def answering(self) -> None:
        """Return once the service says that it is ready; raises when it never does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=5, trust_env=False) as http:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.get("/health/ready")).status_code == 200:
                        return
                await asyncio.sleep(0.02)
        raise TimeoutError("the service did not become ready")

    def heal(self) -> None:
        """Say that nothing is hurt from now on."""
        self.healed_at = time.monotonic()

    async def settled(self, bound_seconds: float) -> float | None:
        """Return how long after `heal` the outbox was empty; None when it never was in time."""
        healed = self.healed_at or time.monotonic()
        while True:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if not await self._rows("SELECT 1 FROM outbox LIMIT 1"):
                    return time.monotonic() - healed
            if time.monotonic() - healed > bound_seconds:
                return None
            await asyncio.sleep(0.05)

    async def facts(self, *, settled: bool) -> Facts:
        """Collect what the oracle needs: an aggregate stands for its first event."""
        found = [Said(row["id"], row["id"], 1) for row in await self._rows("SELECT referral_id AS id FROM referrals")]
        sent = [
            Said(UUID(json.loads(record.value)["referral_id"]), UUID(json.loads(record.value)["referral_id"]), 1)
            for record in await read_topic(self.rig.kafka.bootstrap, TOPIC, self.since)
            if dict(record.headers)["ce_type"].endswith(b"referral.submitted.v1")
        ]
        told = set(self.created.values())
        extra = len(found) - len(told) + (len(self.created) - len(told))
        return Facts(
            told, found, sent, None, extra_aggregates=max(0, extra), strange=self.strange, settled=settled,
            figures=self.figures,
        )  # fmt: skip

    async def _rows(self, sql: str) -> list[Any]:
        connection = await asyncpg.connect(self.dsn, timeout=30)
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()

    def cuts(self) -> int:
        """Return what was injected, the proxy's share included."""
        return self.injected + (self.postgres.injected if self.postgres else 0)


@asynccontextmanager
async def api(rig: Rig, name: str, seed: int, effort: float) -> AsyncIterator[Api]:
    """Give the API of one trial; its processes end with the block."""
    async with rig.http_lock, AsyncExitStack() as stack:
        issuer, (port,) = Issuer(), free_ports(1)
        await ensure_topics(rig.kafka.bootstrap)
        dsn = await stack.enter_async_context(rig.database("referrals"))
        jwks_url = await stack.enter_async_context(published(issuer))
        await store_council(dsn)
        since = await end_offsets(rig.kafka.bootstrap, TOPIC)
        made = Api(
            rig, random.Random(seed), dsn, jwks_url, issuer, rig.new_folder(name), stack, effort, since, port
        )  # fmt: skip
        try:
            yield made
        finally:
            for child in made.children:
                child.kill()
            for child in made.children:
                await child.ended(DIES_SECONDS)
