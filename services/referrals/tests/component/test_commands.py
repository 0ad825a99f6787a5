"""The two parties act on a referral: in order, each for itself, told once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from maillage_contracts import ReferralDeclined
from referrals.adapters.postgres import PostgresReferrals
from referrals.domain.status import Actor, Command

Desk = Any
ASSOCIATION, OTHER_ASSOCIATION = UUID(int=0xA1), UUID(int=0xA2)
COUNCIL, OTHER_COUNCIL = UUID(int=0xC1), UUID(int=0xC2)
DECLINE = {"reasons": ["out_of_area", "other"], "declined_by": "provider", "shareable_with_person": False}


async def told(desk: Desk) -> list[str]:
    return [type(event).__name__ for event in await desk.events()]


async def test_council_acknowledges_reviews_and_accepts(desk: Desk) -> None:
    referral_id = await desk.submitted()
    for version, (command, status) in enumerate(
        [("receipt", "received"), ("review", "under_review"), ("acceptance", "accepted")], start=2
    ):
        desk.clock.advance(timedelta(hours=1))
        answer = await desk.command(referral_id, command)
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["version"]) == (status, version)
        assert "person" not in answer.text

    decoded = await desk.outbox()
    assert [type(one.event).__name__ for one in decoded] == [
        "ReferralSubmitted", "ReferralReceived", "ReferralReviewStarted", "ReferralAccepted"
    ]  # fmt: skip
    assert [one.event.aggregate_version for one in decoded] == [1, 2, 3, 4]
    assert len({one.envelope.correlation_id for one in decoded}) == 1
    assert await desk.rows("SELECT * FROM timers") == []


async def test_decline_tells_reasons_and_stops_the_clock(desk: Desk) -> None:
    referral_id = await desk.submitted()
    await desk.command(referral_id, "receipt")
    await desk.command(referral_id, "review")
    answer = await desk.command(referral_id, "decline", body=DECLINE)

    assert answer.json()["status"] == "declined"
    event = (await desk.events())[-1]
    assert isinstance(event, ReferralDeclined)
    assert (event.reasons, event.declined_by, event.shareable_with_person) == (
        ("out_of_area", "other"), "provider", False
    )  # fmt: skip
    assert await desk.rows("SELECT * FROM timers") == []
    step = (await desk.read(referral_id)).json()["history"][-1]
    assert (step["status"], step["by"], step["organisation_name"]) == ("declined", "receiver", "Département exemple")
    assert (step["reasons"], step["declined_by"]) == (["out_of_area", "other"], "provider")


BAD_DECLINES: list[tuple[str, dict[str, Any]]] = [
    ("reasons[0]", {**DECLINE, "reasons": ["lazy"]}),
    ("reasons", {**DECLINE, "reasons": []}),
    ("reasons", {**DECLINE, "reasons": ["other", "other"]}),
    ("declined_by", {**DECLINE, "declined_by": "nobody"}),
    ("shareable_with_person", {**DECLINE, "shareable_with_person": "yes"}),
    ("comment", {**DECLINE, "comment": "x"}),
]


async def test_decline_without_a_coded_reason_is_refused(desk: Desk, subtests: pytest.Subtests) -> None:
    referral_id = await desk.submitted()
    await desk.command(referral_id, "receipt")
    await desk.command(referral_id, "review")
    for field, body in BAD_DECLINES:
        with subtests.test(field=field):
            answer = await desk.command(referral_id, "decline", body=body)
            assert answer.status_code == 422
            assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await desk.read(referral_id)).json()["status"] == "under_review"


async def test_illegal_command_is_a_conflict_and_tells_nothing(desk: Desk) -> None:
    referral_id = await desk.submitted()
    answer = await desk.command(referral_id, "acceptance")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
    assert await told(desk) == ["ReferralSubmitted"]


async def test_repeat_is_answered_again_with_its_key_and_a_conflict_without(desk: Desk) -> None:
    referral_id = await desk.submitted()
    first = await desk.command(referral_id, "receipt", key="one")
    again = await desk.command(referral_id, "receipt", key="one")
    without = await desk.command(referral_id, "receipt")

    assert (again.status_code, again.json()) == (200, first.json())
    assert without.status_code == 409
    assert await told(desk) == ["ReferralSubmitted", "ReferralReceived"]


async def test_commands_at_once_are_told_once(desk: Desk) -> None:
    referral_id = await desk.submitted()
    answers = await asyncio.gather(*(desk.command(referral_id, "receipt") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert await told(desk) == ["ReferralSubmitted", "ReferralReceived"]


async def test_withdrawal_ends_it_for_both(desk: Desk) -> None:
    referral_id = await desk.submitted()
    await desk.command(referral_id, "receipt")
    answer = await desk.command(referral_id, "withdrawal", by=ASSOCIATION)

    assert answer.json()["status"] == "withdrawn"
    assert (await desk.command(referral_id, "review")).status_code == 409
    assert await desk.rows("SELECT * FROM timers") == []


async def test_only_the_parties_know_that_it_exists(desk: Desk) -> None:
    referral_id = await desk.submitted()
    for by in (OTHER_ASSOCIATION, OTHER_COUNCIL):
        assert (await desk.read(referral_id, by)).status_code == 404
    stranger = await desk.command(referral_id, "receipt", by=OTHER_COUNCIL)
    nobody = await desk.command(str(uuid4()), "receipt", by=OTHER_COUNCIL)
    assert (stranger.status_code, nobody.status_code) == (404, 404)
    assert stranger.json() == nobody.json()
    assert await desk.rows("SELECT * FROM audit") == []
    assert (await desk.read(referral_id)).status_code == 200
    assert [str(row["record_id"]) for row in await desk.rows("SELECT * FROM audit")] == [referral_id]
    assert (await desk.command(referral_id, "withdrawal", by=OTHER_ASSOCIATION)).status_code == 404
    assert await told(desk) == ["ReferralSubmitted"]


async def test_other_sides_command_needs_its_scope_and_its_side(desk: Desk) -> None:
    referral_id = await desk.submitted()
    assert (await desk.command(referral_id, "receipt", by=ASSOCIATION)).status_code == 403
    both = desk.bearer(ASSOCIATION, scope="referrals:write referrals:answer referrals:read")
    answer = await desk.http.post(f"/referrals/{referral_id}/receipt", headers=both)
    assert answer.status_code == 404


async def test_command_with_a_body_of_its_own_is_refused(desk: Desk) -> None:
    referral_id = await desk.submitted()
    assert (await desk.command(referral_id, "receipt", body={"note": "x"})).status_code == 422
    assert (await desk.command(referral_id, "receipt", body={})).status_code == 200


async def test_silence_makes_it_overdue_then_expired(desk: Desk) -> None:
    referral_id = await desk.submitted()
    desk.clock.advance(timedelta(days=10) - timedelta(seconds=1))
    await desk.time_passes()
    assert await told(desk) == ["ReferralSubmitted"]

    desk.clock.advance(timedelta(seconds=1))
    await desk.time_passes()
    await desk.time_passes()
    assert await told(desk) == ["ReferralSubmitted", "ReferralOverdue"]

    desk.clock.advance(timedelta(days=20))
    await desk.time_passes()
    assert await told(desk) == ["ReferralSubmitted", "ReferralOverdue", "ReferralExpired"]
    history = (await desk.read(referral_id)).json()["history"]
    assert [(step["status"], step["by"]) for step in history] == [
        ("submitted", "referrer"), ("overdue", "system"), ("expired", "system")
    ]  # fmt: skip
    assert (await desk.command(referral_id, "receipt")).status_code == 409


async def test_late_answer_is_still_possible_after_overdue(desk: Desk) -> None:
    referral_id = await desk.submitted()
    desk.clock.advance(timedelta(days=12))
    await desk.time_passes()
    assert (await desk.read(referral_id, COUNCIL)).json()["allowed"] == ["receipt", "move"]
    for command in ("receipt", "review", "acceptance"):
        assert (await desk.command(referral_id, command)).status_code == 200
    desk.clock.advance(timedelta(days=30))
    await desk.time_passes()
    assert (await desk.read(referral_id)).json()["status"] == "accepted"


async def test_both_terms_are_told_in_order_when_the_clock_was_stopped_for_long(desk: Desk) -> None:
    await desk.submitted()
    desk.clock.advance(timedelta(days=40))
    await desk.time_passes()
    assert await told(desk) == ["ReferralSubmitted", "ReferralOverdue", "ReferralExpired"]


async def test_answer_at_the_instant_of_its_term_is_stored_and_the_term_does_nothing(desk: Desk) -> None:
    referral_id = UUID(await desk.submitted())
    desk.clock.advance(timedelta(days=10))
    async with desk.db.transaction() as tx:
        referrals = PostgresReferrals(tx, desk.runtime.vault())
        referral = await referrals.lock(referral_id)
        assert referral is not None
        firing = asyncio.create_task(desk.time_passes())
        while not await desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # locks ring no bell
            await asyncio.sleep(0.01)
        # The timer holds its row and waits for ours: were we to wait for it, neither would end.
        fact = referral.decide(Command.WITHDRAWAL, frozenset({Actor.REFERRER}), desk.clock.now())
        await referrals.save(referral, fact)
    await firing
    assert await told(desk) == ["ReferralSubmitted", "ReferralWithdrawn"]
    assert await desk.rows("SELECT * FROM timers") == []
