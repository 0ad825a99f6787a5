"""The referrer is told, once, that somebody at the receiver opened the referral's page."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import httpx

from maillage_contracts import ReferralOpened

Desk: TypeAlias = Any
"""conftest.Desk: test folders are no packages."""

ASSOCIATION, COUNCIL = UUID(int=0xA1), UUID(int=0xC1)


async def opens(desk: Desk, referral_id: str, by: UUID = COUNCIL) -> httpx.Response:
    """Read as a member of an organisation does, through the portal."""
    headers = desk.bearer(by, sub=str(uuid4()))
    answer: httpx.Response = await desk.http.get(f"/referrals/{referral_id}", headers=headers)
    return answer


async def openings(desk: Desk) -> list[ReferralOpened]:
    return [event for event in await desk.events() if isinstance(event, ReferralOpened)]


def steps(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.text
    return [(step["status"], step["by"]) for step in answer.json()["history"]]


async def test_first_opening_is_told_once_and_changes_no_status(desk: Desk) -> None:
    referral_id = await desk.submitted()
    desk.clock.advance(timedelta(minutes=12))

    answers = [await opens(desk, referral_id) for _ in range(3)]

    [told] = await openings(desk)
    assert (str(told.referral_id), told.aggregate_version, told.status) == (referral_id, 2, "submitted")
    assert (told.routing.referrer_organisation_id, told.opened_at) == (ASSOCIATION, desk.clock.now())
    assert told.changed_at == desk.clock.now() - timedelta(minutes=12)
    expected = [("submitted", "referrer"), ("opened", "receiver")]
    assert [steps(answer) for answer in answers] == [expected] * 3
    seen = await desk.read(referral_id)
    assert steps(seen) == expected
    assert (seen.json()["status"], seen.json()["version"]) == ("submitted", 2)
    # It is no receipt: that is still to be given.
    assert "receipt" in answers[-1].json()["allowed"]
    assert (await desk.command(referral_id, "receipt")).json()["version"] == 3


async def test_two_who_open_at_the_same_time_are_told_once(desk: Desk) -> None:
    referral_id = await desk.submitted()

    answers = await asyncio.gather(*(opens(desk, referral_id) for _ in range(6)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(await openings(desk)) == 1
    assert steps(await desk.read(referral_id)).count(("opened", "receiver")) == 1


async def test_reading_waits_for_no_command_and_the_next_one_is_told(desk: Desk) -> None:
    referral_id = await desk.submitted()

    async with desk.db.transaction() as tx:
        await tx.fetchrow("SELECT FROM referrals WHERE referral_id = $1 FOR UPDATE", UUID(referral_id))
        held = await asyncio.wait_for(opens(desk, referral_id), 10)

    assert steps(held) == [("submitted", "referrer")]
    assert await openings(desk) == []
    assert steps(await opens(desk, referral_id))[-1] == ("opened", "receiver")
    assert len(await openings(desk)) == 1


async def test_readings_of_others_and_of_software_are_no_opening(desk: Desk) -> None:
    referral_id = await desk.submitted()

    assert (await opens(desk, referral_id, ASSOCIATION)).status_code == 200
    assert (await desk.read(referral_id, COUNCIL)).status_code == 200
    # A member who may read there and not answer.
    onlooker = desk.bearer(COUNCIL, sub=str(uuid4()), scope="referrals:read")
    assert (await desk.http.get(f"/referrals/{referral_id}", headers=onlooker)).status_code == 200
    assert (await desk.http.get("/referrals", headers=desk.bearer(COUNCIL, sub=str(uuid4())))).status_code == 200
    # The sender, were it one that answers others.
    sender = desk.bearer(ASSOCIATION, sub=str(uuid4()), scope="referrals:answer referrals:read")
    assert (await desk.http.get(f"/referrals/{referral_id}", headers=sender)).status_code == 200
    operator = desk.issuer.bearer(uuid4(), code="operators", kind="operator", scope="operations referrals:read")
    assert (await desk.http.get(f"/referrals/{referral_id}", headers=operator)).status_code == 404
    assert (await opens(desk, str(uuid4()))).status_code == 404

    assert await openings(desk) == []


async def test_opening_after_the_answer_tells_nothing(desk: Desk) -> None:
    referral_id = await desk.accepted()

    assert (await opens(desk, referral_id)).status_code == 200

    assert await openings(desk) == []
