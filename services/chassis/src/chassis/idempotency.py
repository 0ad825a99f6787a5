"""One effect for each `Idempotency-Key` of a client on a route, for eight days.

A form may be sent again days later, after a time-out on Friday: the portal keeps a draft, with its key, for seven.

Kept: a keyed hash of the body, the status, the resource's id and an answer without personal data; never the body. The
row is written in the command's transaction, so it exists exactly when the effect does. Two requests at once meet at an
advisory lock that the second does not wait for.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import Request
from fastapi.responses import JSONResponse

from chassis.auth import Caller
from chassis.crypto import Vault
from chassis.db import Tx
from chassis.problems import Problem
from chassis.sentences import Said

HEADER: Final = "Idempotency-Key"
KEPT_FOR = timedelta(days=8)
PURGE_ROWS = 1_000
"""Rows deleted in one transaction: short enough that nobody waits for its locks."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")

# Released with the transaction, after its rows are visible: whoever gets the lock next sees them.
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 7305))"

SELECT = """
SELECT body_hmac, status, resource_id, location, response FROM idempotency_keys
WHERE client_id = $1 AND route = $2 AND key = $3 AND created_at > $4
"""

# A conflict is with a row that is over its time: a younger one was found by SELECT, under the lock.
INSERT = """
INSERT INTO idempotency_keys
    (client_id, route, key, body_hmac, status, resource_id, location, response, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9)
ON CONFLICT (client_id, route, key) DO UPDATE SET
    body_hmac = EXCLUDED.body_hmac, status = EXCLUDED.status, resource_id = EXCLUDED.resource_id,
    location = EXCLUDED.location, response = EXCLUDED.response, created_at = EXCLUDED.created_at
"""

# Uses idempotency_keys_created_at.
PURGE = """
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that carries a key. `route` is the method and template, with the ids that the path holds."""

    client_id: str
    route: str
    key: str
    body_hmac: bytes


@dataclass(frozen=True, slots=True)
class Replay:
    """What was answered the first time."""

    status: int
    resource_id: UUID | None
    location: str | None
    body: Mapping[str, Any]

    def response(self) -> JSONResponse:
        """Return that answer again, marked as such."""
        headers = {"idempotency-replayed": "true"} | ({"location": self.location} if self.location else {})
        return JSONResponse(dict(self.body), self.status, headers=headers)


async def required_key(request: Request) -> str:
    """Return the request's key (a FastAPI dependency); 400 without one, or with one of another form."""
    key = await optional_key(request)
    if key is None:
        raise Problem(
            400,
            "idempotency_key_missing",
            Said(f"Il faut un en-tête {HEADER}.", f"The header {HEADER} is required."),
            Said("Une valeur nouvelle par demande, un UUID par exemple.", "A new value a request, such as a UUID."),
        )
    return key


async def optional_key(request: Request) -> str | None:
    """Return the request's key if it has one (a FastAPI dependency); 400 for one of another form."""
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(
            400,
            "idempotency_key_malformed",
            Said(f"L’en-tête {HEADER} n’a pas la forme attendue.", f"The header {HEADER} is malformed."),
            Said("De 1 à 200 caractères ASCII visibles.", "1 to 200 visible ASCII characters."),
        )
    return key


def canonical_json(body: Any) -> bytes:
    """Return the one byte form of a JSON value: the order of members and the spelling of text do not count."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def body_hmac(vault: Vault, body: Any) -> bytes:
    """Return the keyed hash of a parsed JSON body: equal bodies are recognised, and nothing can be read back."""
    return vault.lookup("idempotency", canonical_json(body).decode())


async def attempt_of(request: Request, caller: Caller, vault: Vault, route: str, key: str) -> Attempt:
    """Return the attempt that this request is.

    The organisation is part of the client: one portal acts for many, and none may be answered in another's place.
    """
    body: Any = await request.json() if await request.body() else None
    return Attempt(f"{caller.client_id}/{caller.organisation_id}", route, key, body_hmac(vault, body))


async def claim(tx: Tx, attempt: Attempt, *, now: datetime) -> Replay | None:
    """Return what the first such request was answered, or None when this is the first: then act, and `remember`.

    Call it before any effect of the transaction. Raises Problem 409 while another transaction holds the same key, and
    422 when the key came with another body.
    """
    if not await tx.fetchval(TRY_LOCK, _lock_name(attempt)):
        raise Problem(
            409,
            "idempotency_key_in_progress",
            Said("Cette demande est déjà en cours de traitement.", "This request is already being handled."),
            headers={"retry-after": "1"},
        )
    row = await tx.fetchrow(SELECT, attempt.client_id, attempt.route, attempt.key, now - KEPT_FOR)
    if row is None:
        return None
    if not hmac.compare_digest(row["body_hmac"], attempt.body_hmac):
        raise Problem(
            422,
            "idempotency_key_reused",
            Said("Cette clé a déjà servi pour une autre demande.", "This key was used for another request."),
        )
    return Replay(row["status"], row["resource_id"], row["location"], json.loads(row["response"]))


def _lock_name(attempt: Attempt) -> str:
    return json.dumps([attempt.client_id, attempt.route, attempt.key])


def at_once(first: int) -> str:
    """Return two common table expressions that do what `claim` and `remember` do, for a command that is one statement.

    Their parameters, `at_once_arguments`, are numbered from `first`. The statement defines `allowed` before them, with
    a row where the command may go ahead, and writes whatever it writes FROM `attempt`, which has a row where the key
    was free: its answer is kept then. Where it has none nothing is written, and `claim` says why.
    """
    values = ", ".join(f"${first + n}" for n in range(1, 10))
    return f"""
    lock AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(hashtextextended(${first}, 7305)) AS mine FROM allowed
    ), attempt AS (
        INSERT INTO idempotency_keys
            (client_id, route, key, body_hmac, status, resource_id, location, response, created_at)
        SELECT {values} FROM lock WHERE mine
        ON CONFLICT (client_id, route, key) DO NOTHING
        RETURNING resource_id
    )"""  # noqa: S608


def at_once_arguments(
    attempt: Attempt, *, now: datetime, status: int, body: Mapping[str, Any], resource_id: UUID, location: str
) -> tuple[Any, ...]:
    """Return the parameters of `at_once`: the answer as `remember` would keep it."""
    kept = (attempt.client_id, attempt.route, attempt.key, attempt.body_hmac, status, resource_id, location)
    return (_lock_name(attempt), *kept, json.dumps(body), now)


async def remember(
    tx: Tx,
    attempt: Attempt,
    *,
    now: datetime,
    status: int,
    body: Mapping[str, Any],
    resource_id: UUID | None = None,
    location: str | None = None,
) -> None:
    """Keep the answer to an attempt that `claim` found to be the first. `body` holds ids and codes only."""
    await tx.execute(
        INSERT,
        attempt.client_id,
        attempt.route,
        attempt.key,
        attempt.body_hmac,
        status,
        resource_id,
        location,
        json.dumps(body),
        now,
    )


async def purge(tx: Tx, *, now: datetime, rows_max: int = PURGE_ROWS) -> int:
    """Delete at most `rows_max` expired rows, oldest first; return how many."""
    status = await tx.execute(PURGE, now - KEPT_FOR, rows_max)
    return int(status.rpartition(" ")[2])
