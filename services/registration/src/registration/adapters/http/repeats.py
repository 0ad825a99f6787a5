"""Requests that may come twice: one effect for each key, of one client acting for one organisation.

A postponement keeps no key: the row would say who asked for it. Asked for twice, it is refused the second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import JSONResponse

from chassis import idempotency
from chassis.auth import Caller
from chassis.crypto import Vault
from chassis.db import Tx
from chassis.idempotency import Attempt, Replay, body_hmac
from registration.adapters.postgres.agenda import PostgresAgenda


async def attempt_of(request: Request, caller: Caller, vault: Vault, route: str, key: str) -> Attempt:
    """Return the attempt that this request is.

    The organisation is part of the client: one portal acts for many, and none may be answered in another's place.
    """
    body: Any = await request.json() if await request.body() else None
    return Attempt(f"{caller.client_id}/{caller.organisation_id}", route, key, body_hmac(vault, body))


async def remember(
    tx: Tx, attempt: Attempt, *, now: datetime, status: int, answer: Mapping[str, Any], location: str | None = None
) -> None:
    """Keep what was answered, without the place: it is free text, and sealed where it is kept."""
    kept = {**answer, "place": None} if "place" in answer else answer
    await idempotency.remember(
        tx, attempt, now=now, status=status, body=kept,
        resource_id=UUID(answer["appointment_id"]), location=location,
    )  # fmt: skip


async def answer_again(tx: Tx, replay: Replay, vault: Vault, organisation_id: UUID, *, now: datetime) -> JSONResponse:
    """Return what was answered the first time, with the place from where it is sealed, if it may still be known."""
    if "place" not in replay.body:
        return replay.response()
    found = None if replay.resource_id is None else await PostgresAgenda(tx, vault).find(replay.resource_id)
    known = found is not None and found.appointment.is_known_to(organisation_id, now)
    place = found.appointment.place if found is not None and known else None
    return replace(replay, body={**replay.body, "place": place}).response()
