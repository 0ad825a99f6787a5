"""Nobody answers: overdue at ten days, expired at thirty, each told once to whoever can do something about it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from maillage.testing.acts import feed_until, of_referral, refer, rows
from maillage.testing.running import RunningStack


async def mails_of(stack: RunningStack, referral_id: str, template: str) -> list[dict[str, Any]]:
    """Return the e-mails of one notice, once it has been sent."""
    async with asyncio.timeout(40):
        while True:
            found = await rows(
                stack,
                "notifications",
                "SELECT notice_id FROM notices WHERE referral_id = $1 AND template = $2",
                referral_id,
                template,
            )
            ids = [str(row["notice_id"]) for row in found]
            mails = [m for m in await asyncio.to_thread(stack.mails) if any(id_ in m["message_id"] for id_ in ids)]
            if mails:
                return mails
            await asyncio.sleep(0.2)


@pytest.mark.timeout(200)
async def test_silence_is_told_at_ten_days_and_ends_at_thirty() -> None:
    # A stack of its own: its clock is moved, and every other journey would find its dates past.
    with RunningStack.in_temporary_folder() as stack:
        await asyncio.to_thread(stack.start)
        async with stack.client("asso1", "referrals") as association:
            one = (await refer(association))["referral_id"]
        await feed_until(stack, "cd93", lambda events: "registration.person.identified" in of_referral(events, one))

        stack.advance_clock(timedelta(days=9, hours=23))
        stack.advance_clock(timedelta(hours=2))
        await feed_until(stack, "asso1", lambda events: "referrals.referral.overdue" in of_referral(events, one))
        reminded = await mails_of(stack, one, "referral_overdue")
        stack.advance_clock(timedelta(days=20))
        events = await feed_until(
            stack, "asso1", lambda events: "referrals.referral.expired" in of_referral(events, one)
        )
        told = await mails_of(stack, one, "referral_expired")
        async with stack.client("asso1", "referrals") as association:
            seen = (await association.get(f"/referrals/{one}")).json()

    assert seen["status"] == "expired"
    facts = of_referral(events, one)
    assert facts.count("referrals.referral.overdue") == facts.count("referrals.referral.expired") == 1
    assert ["cd93" in mail["to"] for mail in reminded] == [True]
    assert len(told) == 1
    assert "asso1" in told[0]["to"]
    assert one not in told[0]["subject"]
