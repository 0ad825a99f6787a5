"""`maillage replay` on a whole Maillage: what each service knows by events alone is what its events say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from maillage.operators import READING_SERVICES
from maillage.testing.acts import feed_until, of_referral, refer, rows
from maillage.testing.running import RunningStack

REBUILT = {
    "registration": {"known_accompaniments", "sharings"},
    "referrals": {"referral_subjects", "story_steps"},
    "training": {"known_accompaniments", "erased_subjects"},
    "notifications": set(),
    "partners": {"known_referrals", "erased_persons"},
}


async def replay(stack: RunningStack, service: str) -> tuple[int, dict[str, Any]]:
    done = await asyncio.to_thread(stack.run, "replay", service, "--json")
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


@pytest.fixture
async def told(stack: RunningStack) -> None:
    """Something to rebuild, besides the demonstration: one referral whose person is known."""
    async with stack.client("asso1", "referrals") as association:
        referral = (await refer(association))["referral_id"]
    await feed_until(stack, "cd93", lambda found: of_referral(found, referral))
    async with asyncio.timeout(30):
        while not await rows(stack, "referrals", "SELECT FROM referral_subjects WHERE referral_id = $1", referral):
            await asyncio.sleep(0.1)


async def test_every_service_is_rebuilt_from_its_topics(stack: RunningStack, told: None) -> None:
    counts = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM timers) AS n"
    before = {service: await rows(stack, service, counts) for service in READING_SERVICES}

    found = dict(
        zip(READING_SERVICES, await asyncio.gather(*(replay(stack, one) for one in READING_SERVICES)), strict=True)
    )

    for service, (code, document) in found.items():
        assert (code, document["verdict"]) == (0, "equal"), document
        tables = {table["table"]: table["live"] for table in document["tables"]}
        assert tables.keys() == REBUILT[service] | {"directory_organisations", "revoked_clients"}
        assert tables["directory_organisations"] >= 5
    by_service = {service: {t["table"]: t["live"] for t in d["tables"]} for service, (_, d) in found.items()}
    # The demonstration has an accompaniment, an appointment and an enrolment.
    assert min(
        by_service["referrals"]["referral_subjects"],
        by_service["referrals"]["story_steps"],
        by_service["registration"]["known_accompaniments"],
        by_service["training"]["known_accompaniments"],
        by_service["partners"]["known_referrals"],
    ) > 0  # fmt: skip
    assert {service: await rows(stack, service, counts) for service in READING_SERVICES} == before
    left = await rows(stack, "referrals", "SELECT datname FROM pg_database WHERE datname LIKE '%\\_replay'")
    assert left == []


async def test_a_row_that_no_event_explains_is_counted(stack: RunningStack, told: None) -> None:
    change = "UPDATE referral_subjects SET version = version + $1 RETURNING referral_id"
    changed = await rows(stack, "referrals", change, 1)
    try:
        code, document = await replay(stack, "referrals")
    finally:
        await rows(stack, "referrals", change, -1)

    assert (code, document["verdict"], document["first_difference"]) == (1, "differs", "referral_subjects")
    (table,) = [one for one in document["tables"] if one["table"] == "referral_subjects"]
    assert (table["same"], table["different"]) == (0, len(changed))
    assert str(changed[0]["referral_id"]) not in json.dumps(document)
