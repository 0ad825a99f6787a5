"""Calls to the services with the access of the member in front of the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from portal.adapters.calls import TIMEOUT, Route, call, open_stream
from portal.adapters.tokens import Tokens
from portal.domain.errors import AccessLost
from portal.domain.member import Member


class Access:
    """Adds a token to each call; a token refused once is asked for anew, since keys and roles may have changed."""

    def __init__(self, client: httpx.AsyncClient, tokens: Tokens) -> None:
        self._client = client
        self._tokens = tokens

    async def call(self, route: Route, member: Member | None, **options: Any) -> httpx.Response:
        """Call as `member`, or as the portal itself; raises one of `portal.domain.errors`."""
        return await self._twice(call, route, member, options)

    async def open_stream(self, route: Route, member: Member, **options: Any) -> httpx.Response:
        """As `call`; the answer's body is not yet read, and closing the answer is the caller's."""
        return await self._twice(open_stream, route, member, options)

    async def _twice(
        self, how: Callable[..., Awaitable[httpx.Response]], route: Route, member: Member | None,
        options: Mapping[str, Any],
    ) -> httpx.Response:  # fmt: skip
        try:
            return await how(self._client, route, **await self._with_token(member, options))
        except AccessLost:
            self._tokens.forget(member.member_id if member else None)
            return await how(self._client, route, **await self._with_token(member, options))

    async def _with_token(self, member: Member | None, options: Mapping[str, Any]) -> dict[str, Any]:
        token = await (self._tokens.of(member.member_id) if member else self._tokens.own())
        headers = {**options.get("headers", {}), "Authorization": f"Bearer {token}"}
        return {"timeout": TIMEOUT, **options, "headers": headers}


def keyed(key: str, body: Mapping[str, object] | None) -> dict[str, Any]:
    """Return the options of a call that happens once however often it is repeated with `key`."""
    options: dict[str, Any] = {"headers": {"Idempotency-Key": key}}
    if body is not None:
        options["json"] = body
    return options
