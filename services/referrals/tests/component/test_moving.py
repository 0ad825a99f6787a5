"""The person of a referral lives elsewhere: whoever has jurisdiction there answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from maillage_contracts import PersonErased, ReferralMoved

Desk = Any
ASSOCIATION, OTHER_ASSOCIATION = UUID(int=0xA1), UUID(int=0xA2)
COUNCIL, OTHER_COUNCIL = UUID(int=0xC1), UUID(int=0xC2)
SUBJECT = UUID(int=0x51)


async def move(desk: Desk, referral_id: str, commune: str, by: UUID = ASSOCIATION, key: str | None = None) -> Any:
    return await desk.command(referral_id, "move", by=by, body={"commune": commune}, key=key)


async def names(desk: Desk) -> list[str]:
    return [type(event).__name__ for event in await desk.events()]


async def test_referral_that_waits_is_asked_of_the_council_where_the_person_lives_now(desk: Desk) -> None:
    referral_id = await desk.submitted()
    await desk.command(referral_id, "receipt")
    desk.clock.advance(timedelta(days=11))
    await desk.time_passes()

    key = str(uuid4())
    answer = await move(desk, referral_id, "69123", key=key)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["status"], found["commune"]["code"], found["council"]["code"]) == ("submitted", "69123", "metrolyon")
    assert (await move(desk, referral_id, "69123", key=key)).json() == found
    assert await names(desk) == ["ReferralSubmitted", "ReferralReceived", "ReferralOverdue", "ReferralMoved"]
    event = (await desk.events())[-1]
    assert isinstance(event, ReferralMoved)
    assert (event.previous_commune, event.previous_receiver_organisation_id) == ("93048", COUNCIL)
    assert (event.routing.commune, event.routing.receiver_organisation_id) == ("69123", OTHER_COUNCIL)
    assert (event.status, event.told_by, event.aggregate_version) == ("submitted", "referrer", found["version"])

    # The one that was asked reads nothing any more, and the other one has all its time.
    assert (await desk.read(referral_id, by=COUNCIL)).status_code == 404
    assert (await desk.command(referral_id, "review")).status_code == 404
    desk.clock.advance(timedelta(days=9))
    await desk.time_passes()
    read = (await desk.read(referral_id, by=OTHER_COUNCIL)).json()
    assert (read["status"], read["person"]["last_name"]) == ("submitted", "Exemple")
    assert [(step["status"], step["organisation_name"]) for step in read["history"]] == [
        ("submitted", "Association exemple"),
        ("received", "Département exemple"),
        ("overdue", None),
        ("moved", "Association exemple"),
    ]
    for command in ("receipt", "review", "acceptance"):
        assert (await desk.command(referral_id, command, by=OTHER_COUNCIL)).status_code == 200
    assert await desk.rows("SELECT * FROM timers") == []


async def test_receiver_may_say_so_and_keeps_its_step_where_it_answers_there_too(desk: Desk) -> None:
    referral_id = await desk.submitted()
    await desk.command(referral_id, "receipt")
    terms = await desk.rows("SELECT kind, due_at FROM timers ORDER BY kind")

    answer = await move(desk, referral_id, "93066", by=COUNCIL)

    assert (answer.json()["status"], answer.json()["council"]["code"]) == ("received", "cd93")
    event = (await desk.events())[-1]
    assert (event.told_by, event.status, event.routing.commune) == ("receiver", "received", "93066")
    assert await desk.rows("SELECT kind, due_at FROM timers ORDER BY kind") == terms
    assert "move" in (await desk.read(referral_id, by=COUNCIL)).json()["allowed"]


async def test_move_is_refused_where_nobody_could_follow_it(desk: Desk, subtests: pytest.Subtests) -> None:
    referral_id = await desk.submitted()
    refused = {
        "00000": (422, "unknown_commune"),
        "01059": (422, "commune_merged"),
        # No council of Paris takes part.
        "75056": (422, "council_not_joined"),
        "93048": (409, "same_commune"),
    }
    for commune, expected in refused.items():
        with subtests.test(commune=commune):
            answer = await move(desk, referral_id, commune)
            assert (answer.status_code, answer.json()["code"]) == expected
            assert answer.headers["content-type"] == "application/problem+json"
    for third in (OTHER_ASSOCIATION, OTHER_COUNCIL):
        assert (await move(desk, referral_id, "69123", by=third)).status_code == 404
    assert await names(desk) == ["ReferralSubmitted"]


async def test_move_is_too_late_once_answered_or_erased(desk: Desk, identify: Any) -> None:
    accepted, erased = await desk.submitted(), await desk.submitted()
    for command in ("receipt", "review", "acceptance"):
        await desk.command(accepted, command)
    answer = await move(desk, accepted, "69123")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
    assert "move" not in (await desk.read(accepted)).json()["allowed"]

    await desk.hear(identify(erased, desk.clock.now()))
    await desk.hear(PersonErased(subject_ref=SUBJECT, aggregate_version=9, erased_at=desk.clock.now()))
    answer = await move(desk, erased, "69123")
    assert (answer.status_code, answer.json()["code"]) == (409, "person_erased")


async def test_silence_of_whoever_is_asked_anew_is_counted_from_then(desk: Desk) -> None:
    referral_id = await desk.submitted()
    desk.clock.advance(timedelta(days=20))
    await desk.time_passes()
    await move(desk, referral_id, "69123")
    told = ["ReferralSubmitted", "ReferralOverdue", "ReferralMoved"]

    for days, more in ((9, []), (1, ["ReferralOverdue"]), (19, []), (1, ["ReferralExpired"])):
        desk.clock.advance(timedelta(days=days))
        await desk.time_passes()
        told += more
        assert await names(desk) == told
