"""Whoever has only a spreadsheet downloads, from the portal, the very file that the API gives a program."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from maillage.testing.acts import feed_until, of_referral, refer
from maillage.testing.running import RunningStack

TRIES = 20
"""Somebody else's event may come between two readings of the same period."""


async def signed_in(browser: httpx.AsyncClient, member_id: str) -> None:
    """Sign in as the demonstration lets one, by choosing a member."""
    page = (await browser.get("/connexion")).raise_for_status().text
    token = re.search(r'name="jeton" value="([^"]+)"', page)
    assert token is not None
    entered = await browser.post("/connexion", data={"jeton": token[1], "membre": member_id})
    assert entered.status_code == 303, entered.text


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_file_of_the_portal_is_byte_for_byte_the_export_of_the_api(stack: RunningStack, form: str) -> None:
    async with stack.client("operator", "partners") as operator:
        members = (await operator.get("/organisations/cd93/members")).raise_for_status().json()["items"]
    manager = next(one["member_id"] for one in members if one["role"] == "manager")
    async with stack.client("asso1", "referrals") as association:
        referral_id: str = (await refer(association))["referral_id"]
    events = await feed_until(
        stack, "cd93", lambda found: "referrals.referral.submitted" in of_referral(found, referral_id)
    )
    mine = next(one for one in events if one["data"].get("referral_id") == referral_id)
    day = datetime.fromisoformat(mine["time"]).astimezone(UTC).date()
    first, last = (day - timedelta(days=1)).isoformat(), (day + timedelta(days=1)).isoformat()

    async with (
        stack.client("cd93", "partners") as program,
        httpx.AsyncClient(base_url=stack.url("portal"), timeout=30, trust_env=False) as browser,
    ):
        await signed_in(browser, manager)

        async def exported() -> bytes:
            answer = await program.get("/feed/export", params={"format": form, "from": first, "to": last})
            return answer.raise_for_status().content

        async def both() -> tuple[bytes, httpx.Response]:
            for _ in range(TRIES):
                before = await exported()
                given = await browser.get("/fichiers/telechargement", params={"du": first, "au": last, "format": form})
                if before == await exported():
                    return before, given
            raise AssertionError("events came all the time")

        before, given = await both()
        assert given.status_code == 200
        assert given.content == before
        assert referral_id.encode() in given.content
        assert mine["id"].encode() in given.content
        assert given.headers["content-disposition"] == f'attachment; filename="maillage-cd93-{first}-{last}.{form}"'
    async with httpx.AsyncClient(base_url=stack.url("portal"), timeout=30, trust_env=False) as stranger:
        refused = await stranger.get("/fichiers/telechargement", params={"du": first, "au": last, "format": form})
    assert referral_id.encode() not in refused.content
