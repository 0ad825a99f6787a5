"""This service's own access token, from its client credentials.

One token is shared by all calls; it is renewed shortly before it expires, once, whoever asks. The secret is sent to the
token address only, and never appears in an error.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

import httpx

from chassis.clock import Clock
from chassis.errors import DependencyDown
from chassis.outgoing import internal_client

RENEW_BEFORE = timedelta(seconds=30)
"""A token handed out is good for at least this long: longer than any call and its retries."""


class AccessRefused(DependencyDown):
    """Another service refuses this one's credentials: waiting does not heal it, an operator has to."""

    access_refused: Final = True


class ServiceTokens:
    """Access tokens for calls to other services."""

    def __init__(
        self, token_url: str, client_id: str, secret: str, clock: Clock, *, http: httpx.AsyncClient | None = None
    ) -> None:
        self._url = token_url
        self._credentials = httpx.BasicAuth(client_id, secret)
        self._clock = clock
        self._http = http or internal_client()
        self._renewing = asyncio.Lock()
        self._token: str | None = None
        self._renew_at: datetime | None = None

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._http.aclose()

    def forget(self, token: str) -> None:
        """Drop `token`, because somebody refused it; the next `get` obtains another."""
        if token == self._token:
            self._token = None

    async def get(self) -> str:
        """Return a token; raises AccessRefused for wrong credentials, DependencyDown when the issuer is away."""
        token = self._current()
        if token is not None:
            return token
        async with self._renewing:
            token = self._current()
            return token if token is not None else await self._renew()

    def _current(self) -> str | None:
        if self._token is None or self._renew_at is None or self._clock.now() >= self._renew_at:
            return None
        return self._token

    async def _renew(self) -> str:
        try:
            answer = await self._http.post(self._url, data={"grant_type": "client_credentials"}, auth=self._credentials)
        except httpx.HTTPError as error:
            raise DependencyDown(f"no access token: the issuer does not answer ({type(error).__name__})") from None
        if answer.status_code in (400, 401, 403):
            raise AccessRefused(f"no access token: the issuer refuses this client ({answer.status_code})")
        try:
            document = answer.raise_for_status().json()
            token, seconds = str(document["access_token"]), float(document["expires_in"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            raise DependencyDown(f"no access token: the issuer answered {answer.status_code}") from None
        self._token = token
        self._renew_at = self._clock.now() + timedelta(seconds=seconds) - RENEW_BEFORE
        return token
