"""Ask another service for what an event does not say (the claim check), with this service's own token.

Every failure that waiting heals is DependencyDown, so a consumer never parks an event because a neighbour restarts. A
refusal of our credentials is one too, and marks the client so that readiness turns red. Paths and parameters are
written by us and hold ids only: paths appear in spans, and in the other service's log.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from opentelemetry.trace import Span

from chassis.errors import DependencyDown, Permanent
from chassis.http_spans import client_span
from chassis.outgoing import internal_client
from chassis.service_tokens import AccessRefused, ServiceTokens
from chassis.tracing import inject

__all__ = ["AccessRefused", "Gone", "ServiceClient"]

PURPOSE_HEADER: Final = "Maillage-Purpose"
ANSWER_BYTES_MAX = 8 * 1024 * 1024
"""A hundred referrals with their notes are below 1 MiB; anything larger is not an answer of ours."""


class Gone(Exception):
    """What was asked for existed and was erased: there is nothing left to do about it."""


class ServiceClient:
    """GET requests to one other service, from a pool of their own."""

    def __init__(
        self,
        base_url: str,
        tokens: ServiceTokens,
        *,
        http: httpx.AsyncClient | None = None,
        connections: int = 8,
    ) -> None:
        address = urlsplit(base_url)
        self._base_url = base_url.rstrip("/")
        self._server: dict[str, str | int] = {
            "server.address": address.hostname or "",
            "server.port": address.port or 0,
        }
        self._tokens = tokens
        self._http = http or internal_client(connections=connections)
        self.access_refused = False
        """True from a refusal of our credentials until the next answer: a check that readiness reads."""

    async def close(self) -> None:
        """Close the pool."""
        await self._http.aclose()

    def check(self) -> str | None:
        """Return why this client makes the service not ready, if it does."""
        return "another service refuses our credentials" if self.access_refused else None

    async def get_json(
        self, path: str, params: list[tuple[str, str]], purpose: str, *, route: str | None = None
    ) -> Any:
        """Return the parsed answer, or raise Gone (410), AccessRefused (401, 403) or DependencyDown (come back later).

        `purpose` is written to the other service's audit. Any other 4xx is Permanent: the request itself is wrong.
        `route` names the span when the path holds an id.
        """
        with client_span("GET", route or path, self._server) as span:
            return await self._ask(path, params, purpose, span)

    async def _ask(self, path: str, params: list[tuple[str, str]], purpose: str, span: Span) -> Any:
        answer = await self._send(path, params, purpose)
        if answer.status_code == 401:
            # The token may have been revoked or the keys rotated since we obtained it: one try with a fresh one.
            answer = await self._send(path, params, purpose)
        status = answer.status_code
        span.set_attribute("http.response.status_code", status)
        self.access_refused = status in (401, 403)
        if status == 410:
            raise Gone
        if self.access_refused:
            raise AccessRefused(f"GET {path} is refused to this service ({status})")
        if status == 429 or status >= 500:
            raise DependencyDown(f"GET {path} answered {status}")
        if status != 200:
            raise Permanent(f"GET {path} answered {status}")
        return _parse(path, answer.content)

    async def _send(self, path: str, params: list[tuple[str, str]], purpose: str) -> httpx.Response:
        token = await self._token()
        headers = {"authorization": f"Bearer {token}", "accept": "application/json", PURPOSE_HEADER: purpose}
        inject(headers)
        query = httpx.QueryParams([(name, value) for name, value in params])
        try:
            answer = await self._http.get(f"{self._base_url}{path}", params=query, headers=headers)
        except httpx.HTTPError as error:
            raise DependencyDown(f"GET {path} got no answer ({type(error).__name__})") from None
        if answer.status_code == 401:
            self._tokens.forget(token)
        return answer

    async def _token(self) -> str:
        try:
            return await self._tokens.get()
        except AccessRefused:
            self.access_refused = True
            raise


def _parse(path: str, content: bytes) -> Any:
    if len(content) > ANSWER_BYTES_MAX:
        raise Permanent(f"GET {path} answered more than {ANSWER_BYTES_MAX} bytes")
    try:
        return json.loads(content)
    except ValueError:
        raise DependencyDown(f"GET {path} did not answer JSON") from None
