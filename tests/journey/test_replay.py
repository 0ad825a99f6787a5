"""`maillage replay` on a whole Maillage: what each service knows by events alone is what its events say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from maillage.operators import READING_SERVICES
from maillage.testing.acts import feed_until, of_referral, read_as_member, refer, rows
from maillage.testing.running import RunningStack

pytestmark = pytest.mark.long

CANARY = "Zorglub-Canari"
REBUILT: dict[str, set[str]] = {
    "registration": {"known_accompaniments", "sharings"},
    "referrals": {"referral_subjects", "story_steps"},
    "training": {"known_accompaniments", "erased_subjects"},
    "partners": {"known_referrals", "known_steps", "known_persons", "erased_persons"},
}
FILLED = {
    "registration": ("known_accompaniments", "sharings"),
    "referrals": ("referral_subjects", "story_steps"),
    "training": ("known_accompaniments",),
    "partners": ("known_referrals", "known_persons"),
}


async def replay(stack: RunningStack, service: str) -> tuple[int, dict[str, Any]]:
    done = await asyncio.to_thread(stack.run, "replay", service, "--json", patience_seconds=200)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


@pytest.fixture
async def told(stack: RunningStack) -> None:
    """Something to rebuild, besides the demonstration: one referral whose person is known."""
    async with stack.client("asso1", "referrals") as association:
        referral = (await refer(association))["referral_id"]
    await read_as_member(stack, "cd93", referral)
    await feed_until(stack, "asso1", lambda found: "referrals.referral.opened" in of_referral(found, referral))
    async with asyncio.timeout(30):
        while not await rows(stack, "referrals", "SELECT FROM referral_subjects WHERE referral_id = $1", referral):
            await asyncio.sleep(0.1)


@pytest.mark.timeout(300)
async def test_every_service_is_rebuilt_from_its_topics_and_a_changed_row_is_seen(
    stack: RunningStack, told: None
) -> None:
    counts = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM timers) AS n"
    before = {service: await rows(stack, service, counts) for service in READING_SERVICES}
    rename = "UPDATE directory_organisations SET name = $1 WHERE code = 'asso1' RETURNING name"
    (name,) = await rows(stack, "notifications", "SELECT name FROM directory_organisations WHERE code = 'asso1'")
    await rows(stack, "notifications", rename, CANARY)
    try:
        answers = await asyncio.gather(*(replay(stack, one) for one in READING_SERVICES))
    finally:
        await rows(stack, "notifications", rename, name["name"])
    found = dict(zip(READING_SERVICES, answers, strict=True))

    code, document = found.pop("notifications")
    assert (code, document["verdict"], document["first_difference"]) == (1, "differs", "directory_organisations")
    assert [(table["different"], table["only_live"]) for table in document["tables"]] == [(1, 0), (0, 0)]
    assert CANARY not in json.dumps(document)
    for service, (code, document) in found.items():
        assert (code, document["verdict"]) == (0, "equal"), document
        tables = {table["table"]: table["live"] for table in document["tables"]}
        assert tables.keys() == REBUILT[service] | {"directory_organisations", "revoked_clients"}
        # The demonstration has an accompaniment, an appointment and an enrolment.
        assert all(tables[name] > 0 for name in ("directory_organisations", *FILLED[service])), tables
    assert {service: await rows(stack, service, counts) for service in READING_SERVICES} == before
    assert await rows(stack, "referrals", "SELECT FROM pg_database WHERE datname LIKE '%\\_replay'") == []
