"""R18: two `partners` replicas deliver webhooks to kind and hostile receivers, and are killed and stopped meanwhile.

The kind receivers must get every event of their stream, first occurrences in order per referral, whatever the others
do; the hostile ones no more than is theirs: nothing after 410, nothing before Retry-After, no redirect followed. Alone:
`python -m tests.faults.scenarios.r18_webhooks [trials] [seed]`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.faults.children import Child
from tests.faults.oracle import Facts, Said, judge
from tests.faults.rig import Rig, rig_on

from chassis.clock import SystemClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.outbox import Doorbell
from chassis.records import Source
from chassis.testing.events import AT, source_of_event
from chassis.testing.receivers import Receiver, Seen, answer, receiving
from maillage.testing.servers import external_kafka, free_ports, start_postgres
from maillage_contracts import ReferralReceived, ReferralReviewStarted, ReferralSubmitted, Routing
from partners.adapters.subscribers import subscriptions

REFERRALS = 60
"""Of a whole trial; three events each."""

READY_SECONDS = 120.0
HEAL_STEP_SECONDS = 3_700
"""How far the clock jumps once nothing is hurt: past Retry-After's cap, and past most of the waits."""

TERRITORY: dict[str, list[str]] = {"communes": [], "epcis": [], "departements": [], "collectivities": []}
KIND = ("kind", "flaky")
"""Who must have everything in the end."""

ROLES = {"cd93": ("kind", "hang", "500", "429", "redirect"), "asso1": ("kind", "flaky", "410", "drip", "closes")}


def behaviour(role: str, chance: random.Random) -> Callable[[Receiver, Seen], Awaitable[bytes | None]]:
    """Return how a receiver of this role answers; challenges are always given back."""

    async def behave(receiver: Receiver, seen: Seen) -> bytes | None:
        if seen.event["type"].endswith("webhook.challenge.v1"):
            return answer(200, json.dumps(seen.event["data"]).encode())
        match role:
            case "hang":
                await asyncio.sleep(3600)
            case "drip":
                seen.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
                while True:
                    seen.writer.write(b"x")
                    await seen.writer.drain()
                    await asyncio.sleep(0.05)
            case "closes":
                return None
            case "redirect":
                return answer(307, b"", f"location: http://127.0.0.1:{receiver.port}/followed")
            case "429":
                return answer(429, b"", "retry-after: 3600")
            case "500" | "410":
                return answer(int(role))
            case "flaky" if chance.random() < 0.2:
                return answer(503)
        return answer(204)

    return behave


@dataclass
class Trial:
    """Two replicas on one database, ten receivers, and what was put into the streams."""

    rig: Rig
    chance: random.Random
    dsn: str
    folder: Path
    effort: float
    db: Database
    ports: tuple[int, ...] = ()
    children: dict[int, Child] = field(default_factory=dict)
    receivers: dict[tuple[str, str], Receiver] = field(default_factory=dict)
    webhooks: dict[tuple[str, str], str] = field(default_factory=dict)
    association: UUID | None = None
    versions: dict[UUID, Said] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    injected: int = 0
    shift: float = 0.0
    healed_at: float = 0.0

    async def replica(self, number: int) -> None:
        """Start, or start again, one of the two."""
        port = self.ports[number]
        environment = {
            "MAILLAGE_STACK": "test", "MAILLAGE_INSTANCE": str(number), "MAILLAGE_HTTP_PORT": str(port),
            "MAILLAGE_DATABASE_DSN": self.dsn, "MAILLAGE_TOKEN_ISSUER": "http://issuer.example",
            "MAILLAGE_JWKS_URL": f"http://127.0.0.1:{port}/.well-known/jwks.json",
            "MAILLAGE_WEBHOOK_LOOPBACK": "true", "MAILLAGE_CLOCK_FILE": str(self.folder / "clock"),
            **{f"MAILLAGE_{name}": str(self.folder / file) for name, file in FILES.items()},
        }  # fmt: skip
        log = self.folder / f"{number}-{self.injected}-partners.log"
        started = await self.rig.nursery.start("chassis.serve", "partners", log=log, environment=environment)
        self.children[number] = started
        await self._ready(port)

    async def _ready(self, port: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5, trust_env=False) as http:
            while time.monotonic() < deadline:
                try:
                    if (await http.get("/health/ready")).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.05)
        raise TimeoutError("a replica did not become ready")

    async def join(self, stack: AsyncExitStack) -> None:
        """Register both organisations and give each five webhooks whose addresses gave the challenge back."""
        base = f"http://127.0.0.1:{self.ports[0]}"
        async with httpx.AsyncClient(base_url=base, timeout=60, trust_env=False) as http:
            token = await http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=("operator", "s"))
            http.headers["authorization"] = f"Bearer {token.json()['access_token']}"
            for code, kind in (("asso1", "association"), ("cd93", "council")):
                body = {"name": code, "kind": kind, "phone": "01 99 00 00 00", "postal_address": "1 rue de l’Exemple",
                        "territory": {**TERRITORY, "collectivities": ["93D"] if kind == "council" else []}}  # fmt: skip
                made = await http.put(f"/organisations/{code}", json=body)
                if code == "asso1":
                    self.association = UUID(made.json()["organisation_id"])
                for role in ROLES[code]:
                    receiver = await stack.enter_async_context(receiving(behaviour(role, self.chance)))
                    path = f"/organisations/{code}/webhooks"
                    webhook = (await http.post(path, json={"url": receiver.url})).json()["webhook_id"]
                    active = await http.post(f"{path}/{webhook}/verification")
                    active.raise_for_status()
                    self.receivers[code, role], self.webhooks[code, role] = receiver, webhook

    async def refer(self, referrals: int) -> None:
        """Put events of new referrals into both streams, interleaved."""
        lives = [self._life() for _ in range(referrals)]
        sources: list[Source] = []
        while any(lives):
            life = self.chance.choice([one for one in lives if one])
            sources.append(life.pop(0))
        processor = Processor("partners", subscriptions(SystemClock())[0], self.db, SystemClock(), Doorbell())
        for start in range(0, len(sources), 20):
            await processor.process(sources[start : start + 20])

    def _life(self) -> list[Source]:
        assert self.association is not None
        common: dict[str, Any] = {
            "referral_id": uuid4(),
            "routing": Routing(commune="93048", referrer_organisation_id=self.association,
                               receiver_organisation_id=uuid4(), sender_kind="association"),
        }  # fmt: skip
        themes = ("numerique--acceder-a-une-connexion-internet",)
        events = (
            ReferralSubmitted(**common, aggregate_version=1, themes=themes, submitted_at=AT),
            ReferralReceived(**common, aggregate_version=2, received_at=AT),
            ReferralReviewStarted(**common, aggregate_version=3, started_at=AT),
        )
        sources = []
        for version, event in enumerate(events, 1):
            event_id = uuid4()
            self.versions[event_id] = Said(event_id, common["referral_id"], version)
            sources.append(source_of_event(event, event_id=event_id))
        return sources

    def move_clock(self, seconds: float) -> None:
        """Move both replicas' clock forward."""
        self.shift += seconds
        draft = self.folder / "clock.new"
        draft.write_text(f"{self.shift}\n", encoding="ascii")
        draft.replace(self.folder / "clock")

    async def settled(self, bound_seconds: float) -> float | None:
        """Return how long after `heal` the kind receivers had everything; None when not within the bound."""
        started = self.healed_at or time.monotonic()
        while time.monotonic() - started < bound_seconds:
            if all(not self.missing(*name) for name in self.receivers if name[1] in KIND):
                self._look()
                return time.monotonic() - started
            await asyncio.sleep(0.2)
        return None

    def missing(self, code: str, role: str) -> set[UUID]:
        """Return what a receiver has not accepted."""
        return set(self.versions) - {UUID(one) for one in self.receivers[code, role].ids()}

    def _look(self) -> None:
        redirected, gone = self.receivers["cd93", "redirect"], self.receivers["asso1", "410"]
        if any(seen.path == "/followed" for seen in redirected.requests):
            self.strange.append("a redirect was followed")
        # A replica killed before it wrote the 410 down may ask once more after its restart.
        if len(gone.requests) > 2 + self.injected:
            self.strange.append(f"{len(gone.requests)} requests after 410")
        for name, receiver in self.receivers.items():
            # Two replicas overlap for a moment around a kill: each its own requests.
            if receiver.most_at_once > 8:
                self.strange.append(f"{receiver.most_at_once} requests at once to {name[1]}")

    async def facts(self, *, settled: bool) -> Facts:
        """Collect what the oracle needs; each kind receiver stands for a topic of its own."""
        committed, sent = [], []
        for number, name in enumerate(one for one in self.receivers if one[1] in KIND):
            for one in self.versions.values():
                committed.append(_as(one, number))
            sent += [_as(self.versions[UUID(found)], number) for found in self.receivers[name].ids()]
        return Facts({one.event_id for one in committed}, committed, sent, None, strange=self.strange, settled=settled)

    def cuts(self) -> int:
        """Return how often a replica was hurt."""
        return self.injected


def _as(one: Said, number: int) -> Said:
    return Said(UUID(int=one.event_id.int ^ number), UUID(int=one.subject.int ^ number), one.version)


FILES = {
    "SIGNING_KEY_FILE": "signing.pem",
    "BOOTSTRAP_CLIENTS_FILE": "clients.json",
    "MASTER_KEY_FILE": "master.key",
}


def write_files(folder: Path) -> None:
    """Write the keys, and an operator whose secret is `s`."""
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "signing.pem").write_bytes(key)
    (folder / "master.key").write_bytes(base64.b64encode(os.urandom(32)))
    secret = hashlib.sha256(b"s").hexdigest()
    client = {"client_id": "operator", "secret_sha256": secret, "organisation_code": "operator",
              "scopes": ["operations"]}  # fmt: skip
    (folder / "clients.json").write_text(json.dumps([client]), encoding="utf-8")


@asynccontextmanager
async def webhooks(rig: Rig, name: str, seed: int, effort: float) -> AsyncIterator[Trial]:
    """Give one trial; its processes end with the block."""
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(rig.database("partners"))
        folder = rig.new_folder(name)
        write_files(folder)
        db = Database(dsn, size=4, application="r18")
        stack.push_async_callback(db.close)
        trial = Trial(rig, random.Random(seed), dsn, folder, effort, db, tuple(free_ports(2)))
        try:
            for number in (0, 1):
                await trial.replica(number)
            await trial.join(stack)
            yield trial
        finally:
            for child in trial.children.values():
                child.kill()
            for child in trial.children.values():
                await child.ended(15)


async def hurt(trial: Trial) -> None:
    """Refer while replicas are killed and stopped past their lease; then let time pass and everybody be well."""
    rounds = max(1, round(4 * trial.effort))
    for _ in range(rounds):
        await trial.refer(max(3, round(REFERRALS * trial.effort / rounds)))
        victim = trial.chance.randrange(2)
        await asyncio.sleep(trial.chance.uniform(0.05, 1.0))
        trial.injected += 1
        if trial.chance.random() < 0.5:
            trial.children[victim].kill()
            await trial.children[victim].ended(15)
            await trial.replica(victim)
        else:
            trial.children[victim].signal(signal.SIGSTOP)
            await asyncio.sleep(trial.chance.choice((0.5, 9.0)))
            trial.children[victim].signal(signal.SIGCONT)
        trial.move_clock(40)
    trial.healed_at = time.monotonic()
    await _let_time_pass(trial)


async def isolated(trial: Trial) -> None:
    """Refer, hurt no process: the kind receiver must have everything though five others of ten misbehave."""
    trial.injected = sum(role not in KIND for _, role in trial.receivers)
    await trial.refer(max(3, round(REFERRALS * trial.effort)))
    kind = trial.receivers["cd93", "kind"]
    # Who waited for one that hangs would wait for its time limit at each of the events.
    deadline = time.monotonic() + BOUND_SECONDS
    while trial.missing("cd93", "kind") or trial.missing("asso1", "kind"):
        if time.monotonic() > deadline:
            trial.strange.append("kind receivers waited for hostile ones")
            break
        await asyncio.sleep(0.05)
    if len(kind.ids()) != len(set(kind.ids())):
        trial.strange.append("events repeated though no process was hurt")
    if len(trial.receivers["cd93", "429"].requests) > 2:
        trial.strange.append("asked again before Retry-After was over")
    trial.healed_at = time.monotonic()
    await _let_time_pass(trial)


async def _let_time_pass(trial: Trial) -> None:
    # The flaky one refuses a fifth: each pass of the clock leaves a fifth of what was left.
    for _ in range(40):
        if not any(trial.missing(*name) for name in trial.receivers if name[1] in KIND):
            return
        trial.move_clock(HEAL_STEP_SECONDS)
        await asyncio.sleep(1.5)


PLAYS = (
    ("R18a", "hostile receivers beside kind ones", isolated),
    ("R18b", "replicas killed and stopped while they deliver", hurt),
)
BOUND_SECONDS = 90.0


async def main(trials: int, seed: int) -> int:
    """Play each `trials` times on servers of our own; return how many went wrong."""
    wrong = 0
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        postgres = start_postgres(folder / "postgres", durable=True)
        try:
            # No broker: what is on trial reads streams, which are in the database.
            async with rig_on(postgres, external_kafka("", ""), folder) as rig:
                for n in range(trials):
                    for name, _, play in PLAYS:
                        async with webhooks(rig, name, seed + n, 1.0) as trial:
                            await play(trial)
                            took = await trial.settled(BOUND_SECONDS)
                            verdict = judge(await trial.facts(settled=took is not None))
                        wrong += bool(verdict.broken)
                        told = "; ".join(f"{k}: {v}" for k, v in verdict.violations.items()) or "nothing broken"
                        sys.stdout.write(
                            f"{name} seed {seed + n}: {verdict.events} events, {verdict.repeats} repeats,"
                            f" {trial.injected} hurt, {took or -1:.1f} s · {told}\n"
                        )
        finally:
            if postgres.process is not None:
                postgres.process.stop()
    return wrong


if __name__ == "__main__":
    arguments = [int(text) for text in sys.argv[1:3]]
    raise SystemExit(asyncio.run(main(*(arguments + [1, 70][len(arguments) :]))))
