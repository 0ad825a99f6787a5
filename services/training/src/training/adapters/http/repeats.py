"""Requests that may come twice: one effect for each key, of one client acting for one organisation."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from chassis.auth import Caller
from chassis.crypto import Vault
from chassis.idempotency import Attempt, body_hmac


async def attempt_of(request: Request, caller: Caller, vault: Vault, route: str, key: str) -> Attempt:
    """Return the attempt that this request is.

    The organisation is part of the client: one portal acts for many, and none may be answered in another's place.
    """
    body: Any = await request.json() if await request.body() else None
    return Attempt(f"{caller.client_id}/{caller.organisation_id}", route, key, body_hmac(vault, body))
