"""The keys that sign access tokens, as their issuer publishes them.

Fetched when first needed, again when a token names an unknown key, and in the background once old. Forged key ids
cannot make this hammer the issuer, and an issuer that is away does not make known keys forgotten.
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta

import httpx
import structlog
from joserfc import jwk
from joserfc.errors import JoseError

from chassis.clock import Clock
from chassis.errors import DependencyDown

KEYS_BYTES_MAX = 65_536
REFRESH_INTERVAL = timedelta(seconds=3)
"""Least time between two fetches of the keys, so that forged key ids cannot make us hammer the issuer."""

FIRST_INTERVAL = timedelta(milliseconds=500)
"""The same while no key is known: everybody waits for the first one."""

KEYS_TRUSTED_FOR = timedelta(minutes=10)
"""After this the keys are fetched again in the background, so that a withdrawn key stops being trusted."""

_log = structlog.get_logger(__name__)


class PublishedKeys:
    """The issuer's keys by id, fetched when first needed and again when an unknown id appears."""

    def __init__(self, url: str, clock: Clock, http: httpx.AsyncClient) -> None:
        self._url = url
        self._clock = clock
        self._http = http
        self._keys: dict[str, jwk.OKPKey] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching: asyncio.Task[None] | None = None

    def get(self, key_id: str) -> jwk.OKPKey | None:
        """Return the key if it is known."""
        return self._keys.get(key_id)

    def close(self) -> None:
        """Abandon a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()

    def renew_if_stale(self) -> None:
        """Start a fetch in the background when the keys are old; what is known stays in use meanwhile."""
        if self._fetched_at is not None and self._clock.now() - self._fetched_at > KEYS_TRUSTED_FOR:
            self._start()

    async def refresh(self) -> None:
        """Fetch once, whoever asks; does nothing shortly after another try. Raises DependencyDown without any key."""
        self._start()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)
        if not self._keys:
            raise DependencyDown("the keys that sign access tokens cannot be fetched")

    def _start(self) -> None:
        now = self._clock.now()
        if self._fetching is not None:
            return
        interval = REFRESH_INTERVAL if self._keys else FIRST_INTERVAL
        if self._tried_at is not None and abs(now - self._tried_at) < interval:
            return
        self._tried_at = now
        self._fetching = asyncio.create_task(self._fetch())
        self._fetching.add_done_callback(self._fetched)

    def _fetched(self, _: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch(self) -> None:
        try:
            answer = await self._http.get(self._url)
            answer.raise_for_status()
            self._keys = _ed25519_keys(answer.content)
            self._fetched_at = self._clock.now()
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("keys_not_fetched", error_type=type(error).__name__)


def _ed25519_keys(document: bytes) -> dict[str, jwk.OKPKey]:
    if len(document) > KEYS_BYTES_MAX:
        raise ValueError("key document too large")
    published = json.loads(document)["keys"]
    keys = {}
    for entry in published:
        if entry.get("kty") == "OKP" and entry.get("crv") == "Ed25519" and isinstance(entry.get("kid"), str):
            keys[entry["kid"]] = jwk.OKPKey.import_key({name: entry[name] for name in ("kty", "crv", "x", "kid")})
    return keys
