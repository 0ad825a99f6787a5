"""What looks on: metrics drawn, traces kept and mails caught by the programs that the file names.

Each test needs its own images and says which are not to be had; none of ours stands in for one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from tests.containers.composed import SERVICES, ComposedStack, needs
from tests.telemetry.test_dashboard import expressions

from maillage.testing.acts import feed_until, of_referral, refer, rows

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(1800), pytest.mark.usefixtures("images")]

PATIENCE_SECONDS = 240
LOOKING_ON = ("collector", "jaeger", "prometheus")
"""What is started when the whole profile cannot be had; tests ask `needs` for each."""


def until(look: Callable[[], Any]) -> Any:
    """Return the first answer that says something; the last one when patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def ask(stack: ComposedStack, port: str, path: str, **params: str) -> Any:
    """GET JSON from one of the programs; None while it does not answer."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{stack.ports[port]}{path}", params=params, timeout=10, trust_env=False)
        return answer.json() if answer.is_success else None
    except httpx.HTTPError:
        return None


@pytest.fixture(scope="module")
def looked_at(images: None) -> Iterator[ComposedStack]:
    """Start everything with the profile; its whole, or what the images allow."""
    needs(*LOOKING_ON)
    with ComposedStack.fresh("observability.env") as stack:
        stack.start("story", *LOOKING_ON)
        yield stack


def test_the_files_are_accepted_by_the_programs_that_read_them(looked_at: ComposedStack) -> None:
    stack = looked_at
    stack.compose("run", "--rm", "--no-deps", "--no-TTY", "collector", "validate", "--config=/etc/otelcol/config.yaml")
    checked = ("--entrypoint", "promtool", "prometheus", "check", "config", "/etc/prometheus/prometheus.yml")

    assert "SUCCESS" in stack.compose("run", "--rm", "--no-deps", "--no-TTY", *checked)


def test_every_service_is_scraped_and_every_panel_draws_something(looked_at: ComposedStack) -> None:
    def scraped() -> set[str]:
        return {one["metric"]["service"] for one in drawn(looked_at, 'up{job="maillage"} == 1') or ()}

    assert until(lambda: scraped() == set(SERVICES)), f"only {scraped()}"
    for title, expression in expressions():
        assert until(partial(drawn, looked_at, expression)), f"{title}: nothing for {expression}"


def drawn(stack: ComposedStack, expression: str) -> Any:
    """Return the series that Prometheus has for a query."""
    found = ask(stack, "PROMETHEUS", "/api/v1/query", query=expression)
    return found["data"]["result"] if found else None


async def test_a_referrals_trace_is_in_jaeger_and_at_the_desk(looked_at: ComposedStack) -> None:
    async with looked_at.client("asso1", "referrals") as association:
        one = (await refer(association))["referral_id"]
    events = await feed_until(
        looked_at, "cd93", lambda found: "registration.person.identified" in of_referral(found, one)
    )
    assert events
    told = await asyncio.to_thread(
        until, lambda: looked_at.operator("trace", one, "--json").stdout.partition('"trace_id": "')[2][:32]
    )

    def services() -> set[str]:
        found = ask(looked_at, "JAEGER", f"/api/traces/{told}")
        return (
            {one["serviceName"] for one in found["data"][0]["processes"].values()} if found and found["data"] else set()
        )

    wanted = {"referrals", "registration", "partners"}
    await asyncio.to_thread(until, lambda: wanted <= services())
    assert wanted <= services()


async def test_e_mails_go_through_mailpit_to_the_desk_each_to_its_own_recipient(composed: ComposedStack) -> None:
    needs("mailpit")
    async with composed.client("asso1", "referrals") as association:
        one = (await refer(association))["referral_id"]
    asked = "SELECT notice_id FROM notices WHERE referral_id = $1 AND template = 'referral_submitted'"

    async def relayed() -> list[dict[str, Any]]:
        ids = [str(row["notice_id"]) for row in await rows(composed, "notifications", asked, one)]
        # Mailpit hands a mail on before it keeps it.
        return [mail for mail in in_mailpit(composed) if any(mail["MessageID"].startswith(id_) for id_ in ids)]

    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := await relayed()) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    kept = {
        (to["Address"], mail["MessageID"])
        for mail in in_mailpit(composed)
        for to in (mail["To"] or []) + (mail["Bcc"] or [])
    }
    at_the_desk = {(mail["to"], mail["message_id"].strip("<>")) for mail in composed.mails()}

    (mail,) = found
    assert [to["Address"] for to in mail["Bcc"]] == ["cd93@example.org"], "the council hears of it, and nobody else"
    assert len(kept) > 1, "the demonstration's mails too"
    assert kept <= at_the_desk, "handed on to the desk, each to its own recipient"


def in_mailpit(composed: ComposedStack) -> list[dict[str, Any]]:
    """Return what Mailpit has kept."""
    found = ask(composed, "MAILPIT", "/api/v1/messages", limit="500") or {"messages": []}
    return list(found["messages"])
