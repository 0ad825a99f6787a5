"""How a service obtains its own token, and what it does when it is refused one."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from chassis.auth import AccessRefused, ServiceTokens
from chassis.clock import MovableClock
from chassis.errors import DependencyDown

CLOCK_START = datetime(2026, 3, 1, tzinfo=UTC)


class Issuer:
    def __init__(self) -> None:
        self.issued = 0
        self.status = 200
        self.authorization = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.authorization = request.headers["authorization"]
        if self.status == 0:
            raise httpx.ConnectTimeout("too slow")
        if self.status != 200:
            return httpx.Response(self.status, json={"error": "invalid_client"})
        self.issued += 1
        return httpx.Response(200, json={"access_token": f"token-{self.issued}", "expires_in": 300})


def tokens(issuer: Issuer, clock: MovableClock) -> ServiceTokens:
    http = httpx.AsyncClient(transport=httpx.MockTransport(issuer))
    return ServiceTokens("https://partners.test/oauth/token", "registration", "s3cret", clock, http=http)


async def test_one_token_serves_everybody_until_shortly_before_it_expires() -> None:
    issuer, clock = Issuer(), MovableClock(CLOCK_START)
    own = tokens(issuer, clock)

    assert set(await asyncio.gather(*(own.get() for _ in range(20)))) == {"token-1"}
    assert issuer.authorization == "Basic " + base64.b64encode(b"registration:s3cret").decode()
    clock.advance(timedelta(seconds=269))
    assert await own.get() == "token-1"
    clock.advance(timedelta(seconds=1))
    assert await own.get() == "token-2"


async def test_refused_token_is_replaced_once() -> None:
    issuer = Issuer()
    own = tokens(issuer, MovableClock(CLOCK_START))
    first = await own.get()

    own.forget(first)
    second = await own.get()
    own.forget(first)

    assert (first, second, await own.get()) == ("token-1", "token-2", "token-2")


@pytest.mark.parametrize(("status", "refused"), [(401, True), (400, True), (500, False), (0, False), (429, False)])
async def test_failure_tells_refusal_from_absence(status: int, refused: bool) -> None:
    issuer = Issuer()
    issuer.status = status

    with pytest.raises(DependencyDown) as caught:
        await tokens(issuer, MovableClock(CLOCK_START)).get()

    assert isinstance(caught.value, AccessRefused) == refused
    assert "s3cret" not in str(caught.value)
