"""What organisations do on a running stack, by the public APIs only, for tests."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from chassis.ids import new_id
from maillage import settings
from maillage.newcomer import Journey, join
from maillage.testing.running import RunningStack

MONTREUIL = "93048"
CRETEIL = "94028"

Events = list[dict[str, Any]]


def newcomer(stack: RunningStack, *, kind: str = "council", place: str = "77", sandbox: bool = False) -> Journey:
    """Return an organisation that has just joined, by the public routes; for where no event loop runs."""
    return asyncio.run(join(settings.load(stack.environment), kind=kind, place=place, sandbox=sandbox))


def referral(commune: str = MONTREUIL, **person: str) -> dict[str, Any]:
    """Return the body of a referral for an obviously made-up person."""
    typed = {"first_name": "Camille", "last_name": f"Exemple {new_id().hex[-6:]}", "birth_date": "1990-05-17", **person}
    return {
        "commune": commune,
        "person": typed,
        "themes": ["numerique--acceder-a-une-connexion-internet"],
        "note": None,
        "person_informed": True,
    }


async def refer(http: httpx.AsyncClient, body: dict[str, Any] | None = None, key: str | None = None) -> dict[str, Any]:
    """Submit a referral and return the answer; fails unless it is 201."""
    answer = await http.post(
        "/referrals", json=body or referral(), headers={"idempotency-key": key or f"test-{new_id()}"}
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def command(http: httpx.AsyncClient, referral_id: str, name: str, body: Any = None) -> httpx.Response:
    """Give a command about a referral."""
    return await http.post(f"/referrals/{referral_id}/{name}", json=body)


async def read_as_member(stack: RunningStack, code: str, referral_id: str) -> None:
    """Read a referral as somebody who works there does, through the portal; fails unless it is shown."""
    secret = (stack.data / "secrets" / "portal.client-secret").read_text("utf-8").strip()
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": stack.organisation(code)["members"][0]["member_id"],
            "subject_token_type": "urn:maillage:member",
        }
        granted = await http.post(f"{stack.url('partners')}/oauth/token", auth=("portal", secret), data=form)
        headers = {"authorization": f"Bearer {granted.raise_for_status().json()['access_token']}"}
        answer = await http.get(f"{stack.url('referrals')}/referrals/{referral_id}", headers=headers)
        answer.raise_for_status()


async def feed(stack: RunningStack, code: str) -> Events:
    """Return an organisation's whole feed as it is now."""
    events: Events = []
    cursor: str | None = None
    async with stack.client(code, "partners") as http:
        while True:
            answer = await http.get("/feed", params={"limit": 500, **({"after": cursor} if cursor else {})})
            answer.raise_for_status()
            page = answer.json()
            events += page["events"]
            cursor = page["cursor"]
            if not page["more"]:
                return events


async def feed_until(
    stack: RunningStack, code: str, enough: Callable[[Events], Any], timeout_seconds: float = 30
) -> Events:
    """Return an organisation's feed once it is `enough`, following it by long poll; fails after the timeout."""
    timeout_seconds *= stack.patience
    deadline = time.monotonic() + timeout_seconds
    events: Events = []
    cursor: str | None = None
    while time.monotonic() < deadline:
        if enough(events):
            return events
        async with stack.client(code, "partners") as http:
            answer = await http.get("/feed", params={"limit": 500, "wait": 2, **({"after": cursor} if cursor else {})})
            answer.raise_for_status()
            page = answer.json()
            events += page["events"]
            cursor = page["cursor"]
    raise AssertionError(f"{code}: {len(events)} events in the feed after {timeout_seconds} s, and not those wanted")


def of_referral(events: Events, referral_id: str) -> list[str]:
    """Return the facts told of one referral, in order: the types without their prefix."""
    return [
        e["type"].removeprefix("fr.maillage.").removesuffix(".v1")
        for e in events
        if e["data"].get("referral_id") == referral_id
    ]


def partner_consumer(stack: RunningStack, code: str, topic: str = "", **changes: Any) -> AIOKafkaConsumer:
    """Return a plain aiokafka consumer of its own topic with an organisation's user, as its IT would write it."""
    access = stack.organisation(code)["kafka"]
    settings: dict[str, Any] = {
        "bootstrap_servers": access["bootstrap"],
        "security_protocol": access["security_protocol"],
        "sasl_mechanism": access["mechanism"],
        "sasl_plain_username": access["username"],
        "sasl_plain_password": access["password"],
        "group_id": f"{access['group_prefix']}{new_id().hex}",
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        **changes,
    }
    return AIOKafkaConsumer(topic or access["topic"], **settings)


async def topic_until(
    consumer: AIOKafkaConsumer,
    enough: Callable[[list[ConsumerRecord[bytes, bytes]]], Any],
    timeout_seconds: float = 30,
) -> list[ConsumerRecord[bytes, bytes]]:
    """Return what a started consumer reads once it is `enough`; fails after the timeout."""
    found: list[ConsumerRecord[bytes, bytes]] = []
    try:
        async with asyncio.timeout(timeout_seconds):
            while not enough(found):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    except TimeoutError:
        raise AssertionError(f"{len(found)} records after {timeout_seconds} s, and not those wanted") from None
    return found


def header(record: ConsumerRecord[bytes, bytes], name: str) -> str:
    """Return a record's header, or nothing."""
    value: bytes = dict(record.headers).get(name) or b""
    return value.decode()


async def rows(stack: RunningStack, database: str, sql: str, *arguments: Any) -> list[dict[str, Any]]:
    """Ask a service's database as its administrator."""
    connection = await asyncpg.connect(stack.admin_dsn(database))
    try:
        return [dict(row) for row in await connection.fetch(sql, *arguments)]
    finally:
        await connection.close()


def data_of(record: ConsumerRecord[bytes, bytes]) -> dict[str, Any]:
    """Return a record's event."""
    found: dict[str, Any] = json.loads(record.value or b"null")
    return found
