"""The partners and referrals services' public APIs: members, the feed, referrals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import httpx

from portal.adapters import answers
from portal.adapters.access import Access, keyed
from portal.adapters.calls import Route, json_object
from portal.app.ports import FeedBatch
from portal.domain.member import Member
from portal.domain.referral import Referral, ReferralPage

FEED_MARGIN_SECONDS = 10.0
"""Added to the wait asked of the feed before it counts as silent."""

FEED_LIMIT = 100


class Services:
    """Implements Directory, ReferralDesk and Feed over HTTP."""

    def __init__(self, access: Access, partners_url: str, referrals_url: str) -> None:
        self._access = access
        self._partners = partners_url.rstrip("/")
        self._referrals = referrals_url.rstrip("/")

    async def members(self) -> Sequence[Member]:
        return answers.members(await self._access.call(self._to_partners("/members"), None))

    async def page(self, member: Member, *, status: str, after: str, limit: int) -> ReferralPage:
        params: dict[str, str | int] = {"limit": limit}
        if status:
            params["status"] = status
        if after:
            params["after"] = after
        response = await self._access.call(self._to_referrals("GET", "/referrals"), member, params=params)
        return answers.referral_page(json_object(response, "referrals"))

    async def read(self, member: Member, referral_id: UUID) -> Referral:
        route = self._to_referrals("GET", "/referrals/{id}", f"/referrals/{referral_id}")
        return answers.referral(json_object(await self._access.call(route, member), "referrals"))

    async def submit(self, member: Member, body: Mapping[str, object], *, key: UUID) -> UUID:
        route = self._to_referrals("POST", "/referrals")
        response = await self._access.call(route, member, json=body, headers={"Idempotency-Key": str(key)})
        return answers.referral_id(json_object(response, "referrals"))

    async def command(
        self, member: Member, referral_id: UUID, command: str, body: Mapping[str, object], *, key: str
    ) -> None:
        route = self._to_referrals("POST", f"/referrals/{{id}}/{command}", f"/referrals/{referral_id}/{command}")
        await self._access.call(route, member, **keyed(key, body or None))

    async def read_feed(self, member: Member, *, after: str, wait_seconds: int) -> FeedBatch:
        params: dict[str, str | int] = {"limit": FEED_LIMIT, "wait": wait_seconds}
        if after:
            params["after"] = after
        timeout = httpx.Timeout(wait_seconds + FEED_MARGIN_SECONDS, connect=2.0)
        response = await self._access.call(self._to_partners("/feed"), member, params=params, timeout=timeout)
        return answers.feed_batch(json_object(response, "partners"))

    def _to_partners(self, path: str) -> Route:
        return Route("partners", "GET", self._partners, path)

    def _to_referrals(self, method: str, template: str, path: str = "") -> Route:
        return Route("referrals", method, self._referrals, template, path)


class OrganisationFeed:
    """Implements Feed."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def read(self, member: Member, *, after: str, wait_seconds: int) -> FeedBatch:
        return await self._services.read_feed(member, after=after, wait_seconds=wait_seconds)
