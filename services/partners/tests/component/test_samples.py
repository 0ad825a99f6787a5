"""Each sample for partners reads a running feed from where it stopped, or tells a signed webhook from a forged one."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.db import Database

from .reading import Service, id_of, project, referral

SAMPLES = Path(__file__).parents[4] / "contracts" / "samples"
FEEDS = {"sh": "feed.sh", sys.executable: "feed.py", "node": "feed.mjs", "java": "Feed.java"}
WEBHOOKS = {sys.executable: "webhook.py", "node": "webhook.mjs", "java": "Webhook.java"}
NEEDS = {"sh": "curl", "java": "javac"}
"""What a runtime needs beside itself: Java runs a source file only with a compiler."""
KEY = b"key of the webhook, 32 bytes long"
SECRETS = " ".join("whsec_" + base64.b64encode(key).decode() for key in (b"an older key", KEY))


def runtime(command: str) -> str:
    found = shutil.which(command)
    if found is None or shutil.which(NEEDS.get(command, command)) is None:
        pytest.skip(f"SAMPLE NOT RUN: {NEEDS.get(command, command)} is absent")
    return found


@asynccontextmanager
async def started(command: str, sample: str, *arguments: str, **environment: str) -> AsyncIterator[Any]:
    """Run a sample, and leave nothing of it running."""
    process = await asyncio.create_subprocess_exec(
        runtime(command), str(SAMPLES / sample), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **environment},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def said(command: str, sample: str, **environment: str) -> list[list[str]]:
    """Return the words of each line that a feed sample writes."""
    async with started(command, sample, "--once", **environment) as process:
        out, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
    return [line.split() for line in out.decode().splitlines()]


@pytest.mark.parametrize(("command", "sample"), FEEDS.items(), ids=FEEDS.values())
async def test_feed_sample_reads_everything_and_resumes(
    service: Service, db: Database, tmp_path: Path, command: str, sample: str
) -> None:
    runtime(command)
    association = await service.organisation("asso1", "association")
    await service.organisation("cd93", collectivities=["93D"])
    client = (await service.call("POST", "/organisations/cd93/clients")).json()
    environment = {
        "MAILLAGE_URL": service.url,
        "MAILLAGE_CLIENT_ID": client["client_id"],
        "MAILLAGE_CLIENT_SECRET": client["client_secret"],
        "MAILLAGE_STATE": str(tmp_path / "state"),
    }
    # More than a page of one hundred.
    sources = [referral(association) for _ in range(103)]
    await project(db, sources)

    assert await said(command, sample, **environment) == [
        [str(n), id_of(source), "fr.maillage.referrals.referral.submitted.v1"]
        for n, source in enumerate(sources, start=1)
    ]
    later = referral(association)
    await project(db, [later])
    assert [line[:2] for line in await said(command, sample, **environment)] == [["104", id_of(later)]]
    if command in ("java", sys.executable):
        return  # a second or more to start: the others show what a wrong secret does
    async with started(command, sample, "--once", **environment | {"MAILLAGE_CLIENT_SECRET": "wrong"}) as process:
        out, errors = await process.communicate()
    assert process.returncode != 0
    assert out == b""
    assert client["client_secret"] not in errors.decode()


def signed(body: bytes, *, key: bytes = KEY, age: int = 0) -> dict[str, str]:
    at = str(int(time.time()) - age)
    digest = hmac.new(key, f"msg_1.{at}.".encode() + body, hashlib.sha256).digest()
    made = base64.b64encode(digest).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": f"v1,AAAA v1,{made}"}


@pytest.mark.parametrize(("command", "sample"), WEBHOOKS.items(), ids=WEBHOOKS.values())
async def test_webhook_sample_tells_a_signed_message_from_any_other(command: str, sample: str) -> None:
    example = SAMPLES.parent / "examples" / "referrals.referral.submitted.v1" / "structured.cloudevent.json"
    body = example.read_bytes()
    event = json.loads(body)
    challenge = json.dumps(
        {**event, "type": "fr.maillage.partners.webhook.challenge.v1", "data": {"challenge": "gives-me-back"}}
    ).encode()
    async with started(command, sample, MAILLAGE_WEBHOOK_SECRETS=SECRETS, PORT="0") as process:
        port = (await process.stdout.readline()).decode().split()[-1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as http:

            async def status(content: bytes, headers: dict[str, str]) -> int:
                return (await http.post("/", content=content, headers=headers)).status_code

            assert await status(body + b" ", signed(body)) == 401
            assert await status(body, signed(body, key=b"somebody else's")) == 401
            assert await status(body, signed(body, age=301)) == 401
            assert await status(body, {}) == 401
            assert await status(body, signed(body)) == 204
            answered = await http.post("/", content=challenge, headers=signed(challenge))
        assert (answered.status_code, answered.json()) == (200, {"challenge": "gives-me-back"})
        assert (await process.stdout.readline()).decode().split() == [event["id"], event["type"]]
