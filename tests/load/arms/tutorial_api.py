"""POST /referrals as a FastAPI tutorial builds it: models, a dependency that checks the token, a plain asyncpg pool.

It does what the referrals service does, on the same tables: token verified, body validated, one effect a key, council
looked up, person sealed under a key of their own, referral, history, terms and event in one transaction; one statement
a table. `uvicorn tests.load.arms.tutorial_api:app`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from data_inclusion.schema.v1 import Thematique  # type: ignore[import-untyped]  # ships no py.typed
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwk, jwt
from joserfc.errors import JoseError
from pydantic import BaseModel, EmailStr, Field

import territory
from maillage_contracts import ReferralSubmitted, Routing, encode, envelope_for

MASTER = AESGCM(bytes(range(32)))
ISSUER = "https://issuer.test"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Fetch the keys and open the pool."""
    async with httpx.AsyncClient(trust_env=False) as http:
        app.state.keys = jwk.KeySet.import_key_set((await http.get(os.environ["JWKS_URL"])).json())
    territory.load()
    async with asyncpg.create_pool(os.environ["DATABASE_URL"]) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


class Person(BaseModel):
    """Who the person is."""

    first_name: str = Field(min_length=1, max_length=100)
    last_name: str = Field(min_length=1, max_length=100)
    birth_date: date
    phone: str | None = Field(default=None, max_length=30)
    email: EmailStr | None = None
    address: str | None = Field(default=None, max_length=300)


class Submission(BaseModel):
    """A referral to submit."""

    commune: str = Field(max_length=10)
    person: Person
    themes: list[Thematique] = Field(min_length=1, max_length=5)
    note: str | None = Field(default=None, max_length=2000)
    person_informed: bool


async def caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> dict[str, Any]:
    """Return the claims of a valid token with the scope that this needs."""
    try:
        claims: dict[str, Any] = jwt.decode(
            credentials.credentials, request.app.state.keys, algorithms=["EdDSA"]
        ).claims
        jwt.JWTClaimsRegistry(iss={"essential": True, "value": ISSUER}, exp={"essential": True}).validate(claims)
    except JoseError:
        raise HTTPException(401) from None
    if "referrals:write" not in claims["scope"].split():
        raise HTTPException(403)
    return claims


def encrypt(cipher: AESGCM, text: bytes) -> bytes:
    """Return a nonce and what it encrypts."""
    nonce = os.urandom(12)
    return nonce + cipher.encrypt(nonce, text, None)


@app.post("/referrals", status_code=201)
async def submit(
    body: Submission,
    claims: Annotated[dict[str, Any], Depends(caller)],
    idempotency_key: Annotated[str, Header()],
    request: Request,
    response: Response,
) -> dict[str, Any]:
    """Store the referral and its event."""
    digest = hashlib.sha256(await request.body()).digest()
    client = claims["client_id"]
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        known = await connection.fetchrow(
            "SELECT body_hmac, response FROM idempotency_keys WHERE client_id = $1 AND route = $2 AND key = $3",
            client, "POST /referrals", idempotency_key,
        )  # fmt: skip
        if known is not None:
            if known["body_hmac"] != digest:
                raise HTTPException(422)
            replayed: dict[str, Any] = json.loads(known["response"])
            return replayed
        answer = await store(connection, body, UUID(claims["org"]), claims["org_kind"])
        try:
            await connection.execute(
                "INSERT INTO idempotency_keys (client_id, route, key, body_hmac, status, resource_id, response,"
                " created_at) VALUES ($1, $2, $3, $4, 201, $5, $6, $7)",
                client, "POST /referrals", idempotency_key, digest,
                UUID(answer["referral_id"]), json.dumps(answer), datetime.now(UTC),
            )  # fmt: skip
        except asyncpg.UniqueViolationError:
            raise HTTPException(409) from None
    response.headers["location"] = f"/referrals/{answer['referral_id']}"
    return answer


async def store(connection: Any, body: Submission, referrer: UUID, kind: str) -> dict[str, Any]:
    """Insert the rows of a new referral; return what the caller is told."""
    commune = territory.commune(body.commune)
    council = await connection.fetchrow(
        "SELECT organisation_id, code, name, phone, postal_address FROM directory_organisations"
        " WHERE kind = 'council' AND collectivities @> ARRAY[$1]",
        territory.jurisdiction(commune).code,
    )
    if council is None:
        raise HTTPException(422)
    referral_id, correlation_id, now = uuid4(), uuid4(), datetime.now(UTC)
    themes = [theme.value for theme in body.themes]
    await connection.execute(
        "INSERT INTO referrals (referral_id, version, status, step, correlation_id, referrer_id, referrer_kind,"
        " receiver_id, commune, themes, submitted_at, changed_at)"
        " VALUES ($1, 1, 'submitted', 'submitted', $2, $3, $4, $5, $6, $7, $8, $8)",
        referral_id, correlation_id, referrer, kind, council["organisation_id"], commune.code, themes, now,
    )  # fmt: skip
    key = AESGCM.generate_key(256)
    cipher = AESGCM(key)
    await connection.execute(
        "INSERT INTO referral_persons (referral_id, wrapped_key, person, note) VALUES ($1, $2, $3, $4)",
        referral_id, encrypt(MASTER, key), encrypt(cipher, body.person.model_dump_json().encode()),
        None if body.note is None else encrypt(cipher, body.note.encode()),
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO referral_history (referral_id, version, at, status, by) VALUES ($1, 1, $2, 'submitted', $3)",
        referral_id, now, "referrer",
    )  # fmt: skip
    await connection.executemany(
        "INSERT INTO timers (kind, aggregate_id, due_at) VALUES ($1, $2, $3)",
        [
            ("referral-overdue", referral_id, now + timedelta(days=10)),
            ("referral-expiry", referral_id, now + timedelta(days=30)),
        ],
    )
    event = ReferralSubmitted(
        referral_id=referral_id,
        aggregate_version=1,
        routing=Routing(
            commune=commune.code,
            referrer_organisation_id=referrer,
            receiver_organisation_id=council["organisation_id"],
            sender_kind=kind,
        ),
        themes=tuple(themes),
        submitted_at=now,
    )
    event_id = uuid4()
    record = encode(
        event, envelope_for(event, id=event_id, source="/referrals", time=now, correlation_id=correlation_id)
    )
    await connection.execute(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload) VALUES ($1, $2, $3, $4, $5, $6)",
        event_id, record.topic, record.key.decode(), event.event_type,
        json.dumps({name: value.decode() for name, value in record.headers}), record.value,
    )  # fmt: skip
    return {
        "referral_id": str(referral_id),
        "status": "submitted",
        "version": 1,
        "commune": {"code": commune.code, "name": commune.name},
        "council": {name: str(value) for name, value in council.items()},
        "submitted_at": now.isoformat(),
    }
