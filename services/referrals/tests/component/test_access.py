"""Tokens that are expired, foreign, tampered, early, of another audience or absent open nothing."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from joserfc.jwk import OKPKey

Desk = Any
ASSOCIATION, COUNCIL = UUID(int=0xA1), UUID(int=0xC1)
FOREIGN = OKPKey.generate_key("Ed25519", {"kid": "test-key"})


def tampered(token: str) -> str:
    head, body, signature = token.split(".")
    changed = "A" if body[10] != "A" else "B"
    return f"{head}.{body[:10]}{changed}{body[11:]}.{signature}"


CASES = ("none", "expired", "early", "foreign", "tampered", "audience", "issuer", "not one")
ROUTES = (("POST", "/referrals"), ("GET", "/referrals"), ("GET", "/claims/referrals"))


def authorization(desk: Desk, case: str) -> dict[str, str]:
    now = int(desk.clock.now().timestamp())
    all_claims: dict[str, dict[str, Any]] = {
        "expired": {"exp": now - 120},
        "early": {"iat": now + 600},
        "foreign": {"key": FOREIGN},
        "audience": {"aud": "another"},
        "issuer": {"iss": "https://another.test"},
    }
    if case == "none":
        return {}
    if case == "not one":
        return {"authorization": "Bearer not.a.token"}
    header: str = desk.bearer(ASSOCIATION, **all_claims.get(case, {}))["authorization"]
    return {"authorization": tampered_header(header) if case == "tampered" else header}


def tampered_header(header: str) -> str:
    return "Bearer " + tampered(header.removeprefix("Bearer "))


async def test_token_that_is_not_valid_is_401_and_stores_nothing(desk: Desk, subtests: pytest.Subtests) -> None:
    for (method, path), case in itertools.product(ROUTES, CASES):
        with subtests.test(method=method, path=path, case=case):
            body = {"json": desk.body()} if method == "POST" else {}
            headers = {**authorization(desk, case), "idempotency-key": "one"}
            answer = await desk.http.request(method, path, headers=headers, **body)

            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert "Exemple" not in answer.text
    assert await desk.rows("SELECT * FROM referrals") == []


async def test_token_stops_working_when_it_expires(desk: Desk) -> None:
    headers = desk.bearer(ASSOCIATION)
    assert (await desk.http.get("/referrals", headers=headers)).status_code == 200
    desk.clock.advance(timedelta(minutes=7))
    assert (await desk.http.get("/referrals", headers=headers)).status_code == 401


async def test_scope_is_needed_for_each_act(desk: Desk) -> None:
    reader = desk.bearer(ASSOCIATION, scope="referrals:read")
    answer = await desk.http.post("/referrals", json=desk.body(), headers={**reader, "idempotency-key": "one"})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    writer = desk.bearer(ASSOCIATION, scope="referrals:write")
    assert (await desk.http.get("/referrals", headers=writer)).status_code == 403


async def test_council_cannot_submit_by_default(desk: Desk) -> None:
    assert (await desk.submit(by=COUNCIL)).status_code == 403
