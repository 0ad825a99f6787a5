"""What operators see, and what is left of a person who was erased."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from maillage_contracts import EnrolmentSeatOffered, PersonErased, ReferralSubmitted
from notifications.adapters.postgres.notices import PostgresNotices

Desk = Any
PERSON = UUID(int=0x501)
TUESDAY = datetime(2026, 12, 1, 13, 0, tzinfo=UTC)


def offered(desk: Desk, **changes: Any) -> EnrolmentSeatOffered:
    event: EnrolmentSeatOffered = desk.event(EnrolmentSeatOffered, expires_at=TUESDAY, **changes)
    return event


async def test_list_says_what_became_of_each_and_no_contact(desk: Desk) -> None:
    desk.knows()
    await desk.tell(offered(desk))
    answer = await desk.http.get("/notices", headers=desk.operator())

    (item,) = answer.json()["items"]
    assert (item["template"], item["state"], item["channel"], item["attempts"]) == ("seat_offered", "sent", "sms", 0)
    (delivery,) = item["deliveries"]
    assert (delivery["channel"], delivery["tries"], delivery["outcome"]) == ("sms", 1, "accepted")
    for contact in ("39980000", "39 98", "camille", "Camille"):
        assert contact not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_list_is_read_in_pages_and_by_state(desk: Desk) -> None:
    for n in range(5):
        await desk.deliver(desk.event(ReferralSubmitted, UUID(int=0x900 + n)))
        desk.clock.advance(timedelta(seconds=1))
    await desk.sender.step()
    await desk.deliver(desk.event(ReferralSubmitted))

    found, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        asked = {"limit": 2} | ({"after": cursor} if cursor else {})
        page = (await desk.http.get("/notices", params=asked, headers=desk.operator())).json()
        found += page["items"]
        cursor, pages = page["cursor"], pages + 1
    assert pages == 3
    times = [item["created_at"] for item in found]
    assert times == sorted(times, reverse=True)
    assert len({item["notice_id"] for item in found}) == 6

    waiting = (await desk.http.get("/notices", params={"state": "requested"}, headers=desk.operator())).json()
    assert len(waiting["items"]) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/notices"), ("PUT", f"/opt-outs/{PERSON}/sms"), ("DELETE", f"/opt-outs/{PERSON}/sms")],
)
async def test_only_operators_may(desk: Desk, method: str, path: str) -> None:
    assert (await desk.http.request(method, path)).status_code == 401
    for scope in ("claims:read", "referrals:read feed:read"):
        assert (await desk.http.request(method, path, headers=desk.operator(scope))).status_code == 403


@pytest.mark.parametrize("asked", [{"after": "xx"}, {"limit": 0}, {"limit": 101}, {"state": "lost"}])
async def test_bad_question_is_refused(desk: Desk, asked: dict[str, Any]) -> None:
    assert (await desk.http.get("/notices", params=asked, headers=desk.operator())).status_code == 422


async def test_erasure_stops_what_waits_and_forgets_whose_all_of_it_was(desk: Desk) -> None:
    other = UUID(int=0x502)
    desk.knows()
    desk.knows(other)
    await desk.tell(offered(desk), offered(desk, subject_ref=other))
    await desk.tell(desk.booked(TUESDAY + timedelta(days=7)))
    await desk.http.put(f"/opt-outs/{PERSON}/email", headers=desk.operator())

    await desk.tell(desk.event(PersonErased, PERSON, subject_ref=PERSON))

    states = await desk.states()
    assert states["appointment_reminder"] == ["suppressed(erased)"]
    assert states["appointment_booked"] == ["sent"]
    left = json.dumps([list(map(str, row.values())) for t in ("notices", "deliveries", "opt_outs")
                       for row in await desk.rows(f"SELECT * FROM {t}")])  # fmt: skip
    assert str(PERSON) not in left
    assert str(other) in left
    suppressed = (await desk.told())[-1].event
    assert (suppressed.reason, suppressed.subject_ref) == ("erased", None)

    await desk.later(days=20)
    assert len(desk.neighbours.texts) == 2


async def test_person_erased_before_the_event_came_is_not_written_to_and_is_forgotten(desk: Desk) -> None:
    desk.knows(gone=True, first_name=None, phone=None, email=None)
    await desk.tell(offered(desk))
    assert await desk.states() == {"seat_offered": ["suppressed(erased)"]}
    (row,) = await desk.rows("SELECT subject_ref, thread FROM notices")
    assert (row["subject_ref"], row["thread"]) == (None, None)
    assert (await desk.told())[-1].event.subject_ref is None


async def test_what_waits_until_next_week_ends_as_erased_although_the_sender_knew_before_the_event_came(
    desk: Desk,
) -> None:
    desk.knows()
    await desk.tell(offered(desk))
    booked = desk.booked(TUESDAY + timedelta(days=7))
    desk.knows(gone=True, first_name=None, phone=None, email=None)
    await desk.tell(booked)
    states = await desk.states()
    assert states["appointment_booked"] == ["suppressed(erased)"]
    assert states["appointment_reminder"] == ["requested"]
    rows = await desk.rows("SELECT template FROM notices WHERE subject_ref IS NOT NULL")
    assert [row["template"] for row in rows] == ["appointment_reminder"], "what has ended is forgotten at once"

    await desk.deliver(desk.event(PersonErased, PERSON, subject_ref=PERSON))

    assert (await desk.states())["appointment_reminder"] == ["suppressed(erased)"]
    assert await desk.rows("SELECT FROM notices WHERE subject_ref IS NOT NULL") == []


async def test_notices_of_one_erased_person_do_not_wait_for_each_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.knows(gone=True, first_name=None, phone=None, email=None)
    await desk.deliver(offered(desk), offered(desk))
    both = asyncio.Barrier(2)
    lock = PostgresNotices.lock

    async def lock_both(notices: PostgresNotices, notice_id: UUID) -> Any:
        locked = await lock(notices, notice_id)
        async with asyncio.timeout(20):
            await both.wait()
        return locked

    monkeypatch.setattr(PostgresNotices, "lock", lock_both)
    await desk.sender.step()

    assert await desk.states() == {"seat_offered": ["suppressed(erased)"] * 2}
    assert await desk.rows("SELECT FROM notices WHERE subject_ref IS NOT NULL") == []


async def test_receipt_after_the_erasure_is_accepted(desk: Desk) -> None:
    desk.knows()
    await desk.tell(offered(desk))
    await desk.deliver(desk.event(PersonErased, PERSON, subject_ref=PERSON))
    (row,) = await desk.rows("SELECT notice_id FROM notices")
    assert (await desk.receipt(row["notice_id"])).status_code == 200
    assert await desk.states() == {"seat_offered": ["delivered"]}


async def test_erased_while_in_a_carriers_hands_is_recorded_and_forgotten(desk: Desk) -> None:
    desk.knows()
    await desk.deliver(offered(desk))
    hand_over = desk.sender._carriers["sms"].send

    async def erased_meanwhile(message: Any) -> Any:
        reference = await hand_over(message)
        await desk.deliver(desk.event(PersonErased, PERSON, subject_ref=PERSON))
        return reference

    desk.sender._carriers["sms"].send = erased_meanwhile
    await desk.send()

    assert await desk.states() == {"seat_offered": ["suppressed(erased)"]}
    (row,) = await desk.rows("SELECT outcome FROM deliveries")
    assert row["outcome"] == "accepted"
