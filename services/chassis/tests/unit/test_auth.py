"""Which access tokens are believed, for how long, and what happens while nobody can say."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwk, jwt

from chassis.auth import Caller, TokenVerifier, require
from chassis.clock import MovableClock
from chassis.errors import DependencyDown
from chassis.problems import Problem, install
from chassis.token_format import REGISTRY, encode_token

ISSUER = "https://partners.test"
ORGANISATION = UUID("01890000-0000-7000-8000-000000000001")
KEY = jwk.OKPKey.generate_key("Ed25519", {"kid": "k1"})
OTHER_KEY = jwk.OKPKey.generate_key("Ed25519", {"kid": "k1"})
NEXT_KEY = jwk.OKPKey.generate_key("Ed25519", {"kid": "k2"})
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Issuer:
    """A JWKS address that counts its readers and can be away."""

    def __init__(self) -> None:
        self.keys = [KEY]
        self.fetches = 0
        self.away = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        if self.away:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})


class Bench:
    def __init__(self) -> None:
        self.issuer = Issuer()
        self.clock = MovableClock(START)
        self.revoked: set[str] = set()
        self.verifier = TokenVerifier(
            "https://partners.test/.well-known/jwks.json",
            ISSUER,
            self.clock,
            self.revoked.__contains__,
            http=httpx.AsyncClient(transport=httpx.MockTransport(self.issuer)),
        )

    def token(self, key: jwk.OKPKey = KEY, **changes: Any) -> str:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": ISSUER, "aud": "maillage", "sub": "member-1", "client_id": "client-1", "org": str(ORGANISATION),
            "org_code": "cd93", "org_kind": "council", "scope": "referrals:read feed:read",
            "iat": now, "exp": now + 300, "jti": "1",
        } | changes  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return encode_token(claims, key)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def unsigned(header: dict[str, object], token: str) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{encoded}.{token.split('.')[1]}.{token.split('.')[2]}"


async def refusal(bench: Bench, token: str) -> str:
    with pytest.raises(Problem) as caught:
        await bench.verifier.verify(token)
    assert caught.value.status == 401
    assert caught.value.headers["www-authenticate"].startswith("Bearer ")
    return caught.value.code


async def test_valid_token_gives_its_caller(bench: Bench) -> None:
    caller = await bench.verifier.verify(bench.token())

    scopes = frozenset({"referrals:read", "feed:read"})
    assert caller == Caller("client-1", "member-1", ORGANISATION, "cd93", "council", scopes)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.test"},
        {"aud": "other"},
        {"aud": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": int(START.timestamp()) + 120},
        {"org": "not-a-uuid"},
        {"client_id": None},
        {"scope": ["referrals:read"]},
    ],
)
async def test_token_with_a_wrong_claim_is_refused(bench: Bench, changes: dict[str, Any]) -> None:
    assert await refusal(bench, bench.token(**changes)) == "token_invalid"


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: unsigned({"alg": "none", "kid": "k1"}, token),
        lambda token: unsigned({"alg": "HS256", "kid": "k1"}, token),
        lambda token: unsigned({"alg": "EdDSA"}, token),
        lambda token: unsigned({"alg": "EdDSA", "kid": ["k1"]}, token),
        lambda token: token.rsplit(".", 1)[0] + ".",
        lambda token: token.replace(".", "A.", 1),
        lambda token: token[:-8] + "AAAAAAAA",
        lambda token: "é" + token,
        lambda token: "a.b",
        lambda token: "x" * 10_000,
    ],
)
async def test_forged_token_is_refused(bench: Bench, forge: Callable[[str], str]) -> None:
    assert await refusal(bench, forge(bench.token())) == "token_invalid"


async def test_token_confused_with_a_shared_secret_is_refused(bench: Bench) -> None:
    secret = jwk.OctKey.import_key(str(KEY.as_dict(private=False)["x"]))
    claims = jwt.decode(bench.token(), KEY, registry=REGISTRY).claims

    assert await refusal(bench, jwt.encode({"alg": "HS256", "kid": "k1"}, claims, secret)) == "token_invalid"


async def test_token_signed_by_somebody_else_is_refused(bench: Bench) -> None:
    assert await refusal(bench, bench.token(OTHER_KEY)) == "token_invalid"


async def test_token_is_refused_a_minute_after_it_expired_even_when_remembered(bench: Bench) -> None:
    token = bench.token()
    await bench.verifier.verify(token)

    bench.clock.advance(timedelta(seconds=359))
    await bench.verifier.verify(token)
    bench.clock.advance(timedelta(seconds=1))
    assert await refusal(bench, token) == "token_expired"


async def test_revocation_stops_a_token_that_was_verified_before(bench: Bench) -> None:
    token = bench.token()
    await bench.verifier.verify(token)

    bench.revoked.add("client-1")
    assert await refusal(bench, token) == "token_revoked"


async def test_token_is_refused_once_that_on_which_it_was_issued_has_ended(bench: Bench) -> None:
    one, other = bench.token(grant="secret-1"), bench.token(grant="secret-2")
    assert (await bench.verifier.verify(one)).client_id == "client-1"

    bench.revoked.add("secret-1")

    assert await refusal(bench, one) == "token_revoked"
    assert (await bench.verifier.verify(other)).client_id == "client-1"
    assert await refusal(bench, bench.token(grant=7)) == "token_invalid"


async def test_keys_are_fetched_once_when_many_ask_at_once(bench: Bench) -> None:
    await asyncio.gather(*(bench.verifier.verify(bench.token(jti=str(n))) for n in range(50)))

    assert bench.issuer.fetches == 1


async def test_new_key_is_found_when_the_issuer_rotates(bench: Bench) -> None:
    await bench.verifier.verify(bench.token())
    bench.issuer.keys = [KEY, NEXT_KEY]
    bench.clock.advance(timedelta(seconds=5))

    assert (await bench.verifier.verify(bench.token(NEXT_KEY))).client_id == "client-1"


async def test_forged_key_ids_do_not_hammer_the_issuer(bench: Bench) -> None:
    await bench.verifier.verify(bench.token())
    for n in range(20):
        forged = jwk.OKPKey.generate_key("Ed25519", {"kid": f"forged-{n}"})
        assert await refusal(bench, bench.token(forged)) == "token_invalid"

    assert bench.issuer.fetches == 1


async def test_nobody_is_refused_while_the_keys_cannot_be_fetched(bench: Bench) -> None:
    bench.issuer.away = True
    with pytest.raises(DependencyDown):
        await bench.verifier.verify(bench.token())

    bench.issuer.away = False
    bench.clock.advance(timedelta(seconds=1))
    assert (await bench.verifier.verify(bench.token())).organisation_code == "cd93"


async def test_known_keys_survive_an_issuer_that_is_away(bench: Bench) -> None:
    await bench.verifier.verify(bench.token())
    bench.issuer.away = True
    bench.clock.advance(timedelta(hours=1))

    assert (await bench.verifier.verify(bench.token())).organisation_code == "cd93"


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "token_missing"),
        ("Basic abc", 401, "token_missing"),
        ("Bearer abc", 401, "token_invalid"),
        ("valid", 200, None),
        ("narrow", 403, "scope_missing"),
    ],
)
async def test_route_answers_by_the_token_it_gets(
    bench: Bench, authorization: str | None, status: int, code: str | None
) -> None:
    app = FastAPI()
    install(app)
    app.state.runtime = SimpleNamespace(tokens=bench.verifier)

    @app.get("/feed")
    async def feed(caller: Annotated[Caller, require("feed:read")]) -> str:
        return caller.organisation_code

    tokens = {"valid": f"Bearer {bench.token()}", "narrow": f"Bearer {bench.token(scope='claims:read')}"}
    headers = {} if authorization is None else {"authorization": tokens.get(authorization, authorization)}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/feed", headers=headers)

    assert answer.status_code == status
    assert code is None or answer.json()["code"] == code
    assert ("www-authenticate" in answer.headers) == (status != 200)
