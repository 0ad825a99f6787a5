"""What a claim check makes of every way another service can answer."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from chassis.auth import ServiceTokens
from chassis.clock import MovableClock
from chassis.errors import DependencyDown, Permanent
from chassis.service_client import AccessRefused, Gone, ServiceClient

ISSUER = "https://partners.test/oauth/token"


class Neighbour:
    """Issues tokens and answers claims with a list of statuses, one a request."""

    def __init__(self, *statuses: int | type[Exception]) -> None:
        self.statuses = list(statuses)
        self.requests: list[httpx.Request] = []
        self.tokens = 0
        self.issuer_status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if str(request.url) == ISSUER:
            self.tokens += 1
            return httpx.Response(self.issuer_status, json={"access_token": f"t{self.tokens}", "expires_in": 300})
        self.requests.append(request)
        status = self.statuses.pop(0)
        if isinstance(status, type):
            raise status("no")
        return httpx.Response(status, json={"items": []})


def client(neighbour: Neighbour) -> ServiceClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(neighbour))
    tokens = ServiceTokens(ISSUER, "registration", "secret", MovableClock(datetime(2026, 3, 1, tzinfo=UTC)), http=http)
    return ServiceClient("https://referrals.test", tokens, http=http)


async def ask(asking: ServiceClient) -> object:
    return await asking.get_json("/claims/referrals", [("id", "1"), ("id", "2")], "identify")


async def test_answer_is_parsed_and_the_request_says_who_and_why() -> None:
    neighbour = Neighbour(200)

    assert await ask(client(neighbour)) == {"items": []}
    request = neighbour.requests[0]
    assert str(request.url) == "https://referrals.test/claims/referrals?id=1&id=2"
    assert request.headers["authorization"] == "Bearer t1"
    assert request.headers["maillage-purpose"] == "identify"


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (500, DependencyDown),
        (503, DependencyDown),
        (429, DependencyDown),
        (httpx.ConnectError, DependencyDown),
        (httpx.ReadTimeout, DependencyDown),
        (httpx.RemoteProtocolError, DependencyDown),
        (410, Gone),
        (404, Permanent),
        (422, Permanent),
        (302, Permanent),
    ],
)
async def test_failure_is_waited_for_only_when_waiting_heals(
    answer: int | type[Exception], raised: type[Exception]
) -> None:
    asking = client(Neighbour(answer))

    with pytest.raises(raised):
        await ask(asking)
    assert not asking.access_refused


async def test_refused_token_is_replaced_before_giving_up() -> None:
    neighbour = Neighbour(401, 200)

    assert await ask(client(neighbour)) == {"items": []}
    assert [request.headers["authorization"] for request in neighbour.requests] == ["Bearer t1", "Bearer t2"]


@pytest.mark.parametrize("answers", [(401, 401), (403,)])
async def test_refusal_turns_readiness_red_until_an_answer(answers: tuple[int, ...]) -> None:
    asking = client(Neighbour(*answers, 200))

    with pytest.raises(AccessRefused):
        await ask(asking)
    assert asking.access_refused
    assert asking.check() == "another service refuses our credentials"

    await ask(asking)
    assert asking.check() is None


async def test_refusal_by_the_issuer_turns_readiness_red() -> None:
    neighbour = Neighbour()
    neighbour.issuer_status = 401
    asking = client(neighbour)

    with pytest.raises(AccessRefused):
        await ask(asking)
    assert asking.access_refused
