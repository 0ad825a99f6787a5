"""Tokens are verified offline, and a revocation works in every service within seconds."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from maillage.testing.acts import refer, referral
from maillage.testing.running import RunningStack


def part(token: str, n: int) -> dict[str, Any]:
    text = token.split(".")[n]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def encoded(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def forged(token: str, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """Return the token with other claims, signed by a key that nobody published."""
    body = f"{encoded(part(token, 0) | (header or {}))}.{encoded(part(token, 1) | claims)}"
    signature = Ed25519PrivateKey.generate().sign(body.encode())
    return f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


async def ask(stack: RunningStack, service: str, path: str, token: str | None) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(base_url=stack.url(service), headers=headers, trust_env=False) as http:
        return await http.get(path)


@pytest.mark.parametrize(("service", "path"), [("referrals", "/referrals"), ("partners", "/feed")])
async def test_only_a_token_of_ours_as_we_signed_it_opens(stack: RunningStack, service: str, path: str) -> None:
    good = stack.token("cd93")
    head, body, signature = good.split(".")
    tampered = f"{head}.{encoded(part(good, 1) | {'org': stack.organisation('cd94')['organisation_id']})}.{signature}"
    none = f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{body}."
    wrong = {
        "absent": None,
        "not a token": "open sesame",
        "tampered": tampered,
        "unsigned": none,
        "signed by a stranger": forged(good, {}),
        "a stranger's key id": forged(good, {}, {"kid": "mine"}),
        "expired": forged(good, {"exp": 1}),
    }

    assert (await ask(stack, service, path, good)).status_code == 200
    answers = {name: await ask(stack, service, path, token) for name, token in wrong.items()}

    assert {name: a.status_code for name, a in answers.items()} == dict.fromkeys(wrong, 401)
    for answer in answers.values():
        assert answer.headers["content-type"] == "application/problem+json"
        assert "www-authenticate" in answer.headers


async def test_a_revoked_client_is_refused_everywhere_within_seconds(stack: RunningStack) -> None:
    async with stack.client("operator", "partners") as operator:
        made = (await operator.post("/organisations/asso1/clients", json={})).json()
        answer = httpx.post(
            f"{stack.url('partners')}/oauth/token",
            auth=(made["client_id"], made["client_secret"]),
            data={"grant_type": "client_credentials"},
            trust_env=False,
        )
        token = answer.json()["access_token"]
        places = [("referrals", "/referrals"), ("partners", "/feed")]
        assert [(await ask(stack, *place, token)).status_code for place in places] == [200, 200]

        revoked = await operator.delete(f"/organisations/asso1/clients/{made['client_id']}")
        assert revoked.is_success

    started = time.monotonic()
    async with asyncio.timeout(10):
        while [(await ask(stack, *place, token)).status_code for place in places] != [401, 401]:
            await asyncio.sleep(0.1)
    print(f"refused everywhere after {time.monotonic() - started:.2f} s")  # noqa: T201  # for the reader
    again = httpx.post(
        f"{stack.url('partners')}/oauth/token",
        auth=(made["client_id"], made["client_secret"]),
        data={"grant_type": "client_credentials"},
        trust_env=False,
    )
    assert again.status_code == 401


async def test_an_association_cannot_answer_and_a_council_cannot_refer(stack: RunningStack) -> None:
    async with stack.client("asso1", "referrals") as association, stack.client("cd93", "referrals") as council:
        one = (await refer(association))["referral_id"]
        answering = await association.post(f"/referrals/{one}/receipt")
        referring = await council.post("/referrals", json=referral(), headers={"idempotency-key": "by-a-council"})
        operating = await association.get("/operations/dead-letters")

    assert {answering.status_code, referring.status_code, operating.status_code} <= {403, 404}
