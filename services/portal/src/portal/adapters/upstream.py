"""The services' public APIs, called with the access of the member in front of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import httpx

from portal.adapters import answers
from portal.adapters.calls import TIMEOUT, call, json_object
from portal.adapters.tokens import Tokens
from portal.app.ports import FeedBatch
from portal.domain.errors import AccessLost, ServiceSilent
from portal.domain.member import Member
from portal.domain.referral import Referral, ReferralPage

FEED_MARGIN_SECONDS = 10.0
"""Added to the wait asked of the feed before it counts as silent."""

FEED_LIMIT = 100


class Services:
    """Implements Directory, ReferralDesk and Feed over HTTP."""

    def __init__(self, client: httpx.AsyncClient, tokens: Tokens, partners_url: str, referrals_url: str) -> None:
        self._client = client
        self._tokens = tokens
        self._partners = partners_url.rstrip("/")
        self._referrals = referrals_url.rstrip("/")

    async def members(self) -> Sequence[Member]:
        response = await self._call("partners", None, "GET", f"{self._partners}/members")
        return answers.members(response)

    async def page(self, member: Member, *, status: str, after: str, limit: int) -> ReferralPage:
        params: dict[str, str | int] = {"limit": limit}
        if status:
            params["status"] = status
        if after:
            params["after"] = after
        response = await self._call("referrals", member, "GET", f"{self._referrals}/referrals", params=params)
        return answers.referral_page(json_object(response, "referrals"))

    async def read(self, member: Member, referral_id: UUID) -> Referral:
        response = await self._call("referrals", member, "GET", f"{self._referrals}/referrals/{referral_id}")
        return answers.referral(json_object(response, "referrals"))

    async def submit(self, member: Member, body: Mapping[str, object], *, key: UUID) -> UUID:
        response = await self._call(
            "referrals", member, "POST", f"{self._referrals}/referrals", json=body, headers={"Idempotency-Key": str(key)}
        )
        return answers.referral_id(json_object(response, "referrals"))

    async def command(
        self, member: Member, referral_id: UUID, command: str, body: Mapping[str, object], *, key: str
    ) -> None:
        url = f"{self._referrals}/referrals/{referral_id}/{command}"
        options: dict[str, Any] = {"headers": {"Idempotency-Key": key}}
        if body:
            options["json"] = body
        await self._call("referrals", member, "POST", url, **options)

    async def read_feed(self, member: Member, *, after: str, wait_seconds: int) -> FeedBatch:
        params: dict[str, str | int] = {"limit": FEED_LIMIT, "wait": wait_seconds}
        if after:
            params["after"] = after
        timeout = httpx.Timeout(wait_seconds + FEED_MARGIN_SECONDS, connect=2.0)
        response = await self._call("partners", member, "GET", f"{self._partners}/feed", params=params, timeout=timeout)
        return answers.feed_batch(json_object(response, "partners"))

    async def _call(self, service: str, member: Member | None, method: str, url: str, **options: Any) -> httpx.Response:
        """Call with a token; a token refused once is asked for anew, since keys and roles may have changed."""
        member_id = member.member_id if member else None
        headers = {**options.pop("headers", {}), "Accept": "application/json"}
        options.setdefault("timeout", TIMEOUT)
        for last in (False, True):
            token = await (self._tokens.of(member_id) if member_id else self._tokens.own())
            try:
                return await call(
                    self._client, service, method, url, headers={**headers, "Authorization": f"Bearer {token}"}, **options
                )
            except AccessLost:
                self._tokens.forget(member_id)
                if last:
                    raise
        raise ServiceSilent(service)


class OrganisationFeed:
    """Implements Feed."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def read(self, member: Member, *, after: str, wait_seconds: int) -> FeedBatch:
        return await self._services.read_feed(member, after=after, wait_seconds=wait_seconds)
