"""Access tokens: the portal's own, and one per member by token exchange; each asked for once and kept until it ages.

Requests that need the same token at the same time share one call. Tokens live in memory only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import httpx

from chassis.clock import Clock
from portal.adapters.calls import Route, call, json_object
from portal.domain.errors import AccessLost, Refused, ServiceSilent

TOKEN_PATH = "/oauth/token"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
MEMBER_TOKEN_TYPE = "urn:maillage:member"

AGE_MARGIN_SECONDS = 30
"""A token is renewed this long before it expires, so that it never does on its way to a service."""

KEPT_MAX = 2000
"""Members remembered at once; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class _Kept:
    value: str
    fresh_until: datetime


class Tokens:
    """Tokens from the partners service, kept per subject; the empty subject is the portal itself."""

    def __init__(self, client: httpx.AsyncClient, token_url: str, client_id: str, secret: str, clock: Clock) -> None:
        self._client = client
        self._route = Route("partners", "POST", token_url.removesuffix(TOKEN_PATH), TOKEN_PATH)
        self._credentials = httpx.BasicAuth(client_id, secret)
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._asking: dict[str, asyncio.Task[str]] = {}

    async def own(self) -> str:
        """Return the portal's own token, which may list members and act for them."""
        return await self._get("")

    async def of(self, member_id: UUID) -> str:
        """Return a token with that member's organisation and role."""
        return await self._get(str(member_id))

    def forget(self, member_id: UUID | None) -> None:
        """Drop a token that a service refused."""
        self._kept.pop(str(member_id) if member_id else "", None)

    async def _get(self, subject: str) -> str:
        kept = self._kept.get(subject)
        if kept is not None and kept.fresh_until > self._clock.now():
            return kept.value
        task = self._asking.get(subject)
        if task is None:
            task = asyncio.create_task(self._ask(subject), name="portal-token")
            self._asking[subject] = task
            task.add_done_callback(lambda _: self._asking.pop(subject, None))
        # Shielded: one browser that leaves must not fail those waiting for the same token.
        return await asyncio.shield(task)

    async def _ask(self, subject: str) -> str:
        form = {"grant_type": "client_credentials"}
        if subject:
            form = {"grant_type": TOKEN_EXCHANGE, "subject_token": subject, "subject_token_type": MEMBER_TOKEN_TYPE}
        try:
            response = await call(self._client, self._route, data=form, auth=self._credentials)
        except Refused:
            raise AccessLost from None
        answer = json_object(response, "partners")
        value, seconds = answer.get("access_token"), answer.get("expires_in", 300)
        if not isinstance(value, str) or not isinstance(seconds, int):
            raise ServiceSilent("partners")
        while len(self._kept) >= KEPT_MAX:
            self._kept.pop(next(iter(self._kept)))
        fresh = timedelta(seconds=max(seconds - AGE_MARGIN_SECONDS, 1))
        self._kept[subject] = _Kept(value, self._clock.now() + fresh)
        return value
