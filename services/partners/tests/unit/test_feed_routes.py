"""What the routes of a stream answer while an access ends and while a type of event does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from chassis import problems
from chassis.auth import Caller
from chassis.clock import SystemClock
from chassis.guards import HalfAnswered
from chassis.problems import Problem
from chassis.sentences import Said
from chassis.testing.events import submitted
from maillage_contracts import type_of
from maillage_contracts.catalogue import Deprecation, Text, catalogue
from partners.adapters.http import feed_period, feed_types
from partners.adapters.http.feed import feed_routes
from partners.adapters.http.feed_period import period_routes
from partners.adapters.webhooks.couriers import WebhookDoorbell
from partners.app.ports import FeedRow, FeedWindow

CALLER = Caller("cd93-1", "cd93-1", UUID(int=1), "cd93", "council", frozenset({"feed:read"}))
TYPE = type_of(type(submitted()))
ROW = FeedRow(1, json.dumps({"ce_type": TYPE}), b"{}")


class Tokens:
    """Holds a token good for some looks."""

    def __init__(self) -> None:
        self.looks_left = 100

    async def verify(self, token: str) -> Caller:
        assert token == "t"
        self.looks_left -= 1
        if self.looks_left < 0:
            raise Problem(401, "token_invalid", Said("Ce jeton n’est pas valable.", "This token is not valid."))
        return CALLER


class OneRow:
    """A stream of one event, and days on which it came."""

    async def read(self, organisation_id: UUID, after: int, limit: int, types: Sequence[str] | None) -> FeedWindow:
        return FeedWindow(1, 1, [ROW] if after == 0 else [])


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
async def http(tokens: Tokens) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)
    app.state.runtime = SimpleNamespace(tokens=tokens)
    feed: Any = OneRow()
    days: Any = OneRow()
    app.include_router(feed_routes(feed, days))
    app.include_router(period_routes(feed, days, SystemClock()))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers={"authorization": "Bearer t"}) as it:
        yield it


async def test_a_long_poll_looks_again_whether_its_token_holds(http: httpx.AsyncClient, tokens: Tokens) -> None:
    tokens.looks_left = 2
    assert (await http.get("/feed?wait=20")).status_code == 200
    tokens.looks_left = 1
    revoked = await http.get("/feed?wait=20")
    assert (revoked.status_code, revoked.json()["code"]) == (401, "token_invalid")
    assert "events" not in revoked.json()
    tokens.looks_left = 1
    assert (await http.get("/feed")).status_code == 200, "an answer at once needs one look"


async def test_a_file_breaks_off_when_the_access_ends(
    http: httpx.AsyncClient, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_period, "LOOK_SECONDS", -1)

    async def pages(*asked: object) -> AsyncIterator[Sequence[FeedRow]]:
        for _ in range(3):
            yield []

    monkeypatch.setattr(feed_period, "read_period", pages)
    tokens.looks_left = 4
    assert (await http.get("/feed/export")).status_code == 200
    tokens.looks_left = 3
    with pytest.raises(HalfAnswered):
        await http.get("/feed/export")


async def test_a_page_says_which_of_its_types_ends(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = Deprecation(date(2027, 1, 1), date(2028, 1, 1), None, Text("f", "e"))
    entries = {**catalogue(), TYPE: replace(catalogue()[TYPE], deprecation=ending)}
    assert "sunset" not in (await http.get("/feed")).headers
    monkeypatch.setattr(feed_types, "catalogue", lambda: entries)

    for asked in ("/feed", f"/feed?types={TYPE}"):
        answer = await http.get(asked)
        assert (answer.headers["deprecation"], answer.headers["sunset"]) == (
            "@1798761600",
            "Sat, 01 Jan 2028 00:00:00 GMT",
        )
    other = await http.get("/feed?types=referrals.referral.accepted.v1")
    assert "sunset" not in other.headers


def test_readers_and_couriers_are_woken_by_commits_and_not_by_what_the_relay_sent() -> None:
    doorbell = WebhookDoorbell()
    doorbell.committed_something = False

    def woken() -> tuple[bool, bool, bool]:
        return doorbell.committed.is_set(), doorbell.couriers.is_set(), doorbell.committed_something

    doorbell.wake()
    assert woken() == (False, False, False)

    doorbell.ring()
    assert woken() == (True, True, True)
