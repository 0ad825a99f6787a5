"""Tokens are asked for once; every failure of a service has its own sentence; the portal refuses unsafe settings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from pydantic import ValidationError

from chassis.clock import MovableClock
from portal.adapters.access import Access
from portal.adapters.calls import failure
from portal.adapters.tokens import Tokens
from portal.adapters.upstream import Services as Upstream
from portal.domain.errors import (
    AccessLost,
    Conflict,
    Gone,
    KeyReused,
    NotFound,
    Refused,
    SendingInProgress,
    ServiceSilent,
    TooMany,
)

from .conftest import REFERRAL_ID, VOLUNTEER, Services, referral_document, settings_with

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def tokens_of(services: Services, clock: MovableClock) -> tuple[Tokens, httpx.AsyncClient]:
    client = httpx.AsyncClient(transport=httpx.MockTransport(services.handle))
    return Tokens(client, "http://partners/oauth/token", "portal", "secret", clock), client


async def test_one_exchange_serves_all_when_pages_ask_at_once() -> None:
    services, clock = Services(), MovableClock(NOW)
    tokens, _ = tokens_of(services, clock)
    found = await asyncio.gather(*(tokens.of(VOLUNTEER.member_id) for _ in range(20)))
    assert set(found) == {f"token of {VOLUNTEER.member_id}"}
    assert len(services.asked) == 1
    assert b"urn%3Amaillage%3Amember" in services.asked[0].content

    clock.advance(timedelta(seconds=269))
    await tokens.of(VOLUNTEER.member_id)
    assert len(services.asked) == 1
    clock.advance(timedelta(seconds=2))
    await tokens.of(VOLUNTEER.member_id)
    assert len(services.asked) == 2


async def test_waiting_pages_are_served_when_the_one_that_asked_first_leaves() -> None:
    services = Services()
    tokens, _ = tokens_of(services, MovableClock(NOW))
    first = asyncio.create_task(tokens.of(VOLUNTEER.member_id))
    await asyncio.sleep(0)
    first.cancel()
    assert await tokens.of(VOLUNTEER.member_id) == f"token of {VOLUNTEER.member_id}"


async def test_refused_token_is_replaced_once_then_access_is_lost() -> None:
    services = Services({("GET", f"/referrals/{REFERRAL_ID}"): (401, {})})
    tokens, client = tokens_of(services, MovableClock(NOW))
    upstream = Upstream(Access(client, tokens), "http://partners", "http://referrals")
    with pytest.raises(AccessLost):
        await upstream.read(VOLUNTEER, REFERRAL_ID)
    assert len(services.asked_for("POST", "/oauth/token")) == 2


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, {}, AccessLost), (403, {}, AccessLost), (404, {}, NotFound), (410, {}, Gone),
        (429, {}, TooMany), (500, {}, ServiceSilent), (503, {}, ServiceSilent),
        (409, {"code": "illegal_transition"}, Conflict),
        (409, {"code": "idempotency_key_in_progress"}, SendingInProgress),
        (422, {"code": "idempotency_key_reused"}, KeyReused), (422, {"code": "council_not_joined"}, Refused),
        (400, ["not", "an", "object"], Refused),
    ],
)  # fmt: skip
def test_answer_becomes_the_error_a_page_has_words_for(status: int, body: object, expected: type[Exception]) -> None:
    assert type(failure(httpx.Response(status, json=body), "referrals")) is expected


@pytest.mark.parametrize("answer", [{"items": "no"}, {"status": "submitted"}, [], referral_document(version="x")])
async def test_unreadable_answer_counts_as_silence(answer: object) -> None:
    services = Services({("GET", f"/referrals/{REFERRAL_ID}"): (200, answer)})
    tokens, client = tokens_of(services, MovableClock(NOW))
    with pytest.raises(ServiceSilent):
        await Upstream(Access(client, tokens), "http://partners", "http://referrals").read(VOLUNTEER, REFERRAL_ID)


async def test_unknown_fields_and_codes_are_read_when_a_service_is_newer() -> None:
    document = referral_document(status="on_hold", later="field", council={"code": "", "name": ""})
    services = Services({("GET", f"/referrals/{REFERRAL_ID}"): (200, document)})
    tokens, client = tokens_of(services, MovableClock(NOW))
    referral = await Upstream(Access(client, tokens), "http://partners", "http://referrals").read(
        VOLUNTEER, REFERRAL_ID
    )
    assert (referral.line.status, referral.line.council.name) == ("on_hold", "")


async def test_feed_tells_which_referrals_changed_and_ignores_the_rest() -> None:
    events = [
        {"data": {"referral_id": str(REFERRAL_ID)}}, {"data": None}, {"data": {"organisation_id": "x"}},
        {"data": {"referral_id": "not an id"}}, {"data": {"referral_id": str(REFERRAL_ID)}},
    ]  # fmt: skip
    services = Services({("GET", "/feed"): (200, {"events": events, "cursor": "c", "more": True})})
    tokens, client = tokens_of(services, MovableClock(NOW))
    batch = await Upstream(Access(client, tokens), "http://partners", "http://referrals").read_feed(
        VOLUNTEER, after="b", wait_seconds=25
    )
    assert (batch.referral_ids, batch.cursor, batch.more) == ((UUID(int=7),), "c", True)
    assert dict(services.asked_for("GET", "/feed")[0].url.params) == {"limit": "100", "wait": "25", "after": "b"}


def test_demonstration_login_is_refused_where_real_people_are_served(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="DEMO_LOGIN"):
        settings_with(tmp_path, stack="site", contact_phone="01", contact_address="x")
    with pytest.raises(ValidationError, match="CONTACT_PHONE"):
        settings_with(tmp_path, stack="site", demo_login=False)
    site = settings_with(tmp_path, stack="site", demo_login=False, contact_phone="01", contact_address="x")
    assert site.secure_cookies
