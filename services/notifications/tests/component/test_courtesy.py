"""Decent hours, not too much in a day, and what people asked not to get."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from maillage_contracts import EnrolmentSeatOffered, NoticeHeld, NoticeSuppressed, ReferralSubmitted

Desk = Any

PERSON = "camille@exemple.test"
ASSOCIATION = UUID(int=0xA1)
MONDAY_FAR = datetime(2027, 2, 1, 13, 0, tzinfo=UTC)


def offered(desk: Desk, **changes: Any) -> EnrolmentSeatOffered:
    usual = {"expires_at": desk.clock.now() + timedelta(days=6)}
    event: EnrolmentSeatOffered = desk.event(EnrolmentSeatOffered, **(usual | changes))
    return event


async def test_evening_is_waited_out_until_the_next_morning(desk: Desk) -> None:
    desk.knows()
    await desk.later(hours=5)  # eight in the evening in Paris
    await desk.tell(offered(desk))
    assert await desk.states() == {"seat_offered": ["held"]}
    (told,) = await desk.told()
    assert isinstance(told.event, NoticeHeld)
    assert told.event.until == datetime(2026, 11, 25, 7, 0, tzinfo=UTC)

    await desk.later(hours=11, minutes=59)
    assert desk.neighbours.texts == {}
    await desk.later(minutes=1)
    assert len(desk.neighbours.texts) == 1
    assert await desk.told_kinds("seat_offered") == ["NoticeHeld", "NoticeSent"]


async def test_sunday_is_waited_out(desk: Desk) -> None:
    desk.knows()
    await desk.later(days=5)  # Sunday afternoon
    await desk.tell(offered(desk))
    (row,) = await desk.rows("SELECT state, due_at FROM notices")
    assert (row["state"], row["due_at"]) == ("held", datetime(2026, 11, 30, 7, 0, tzinfo=UTC))


async def test_hour_is_that_of_the_place_where_the_person_lives(desk: Desk) -> None:
    desk.knows()
    martinique = offered(desk).routing.model_copy(update={"commune": "97209"})
    desk.clock.advance(timedelta(hours=-3))  # noon in Paris, seven in Fort-de-France
    await desk.tell(offered(desk, routing=martinique), offered(desk))
    states = [row["state"] for row in await desk.rows("SELECT state FROM notices ORDER BY position")]
    assert states == ["held", "sent"]
    await desk.later(hours=1)
    assert len(desk.neighbours.texts) == 2


async def test_organisations_read_their_mail_when_they_work(desk: Desk) -> None:
    await desk.later(hours=9)
    await desk.tell(desk.event(ReferralSubmitted))
    assert await desk.states() == {"referral_submitted": ["sent"]}


async def test_morning_that_would_be_too_late_is_not_waited_for(desk: Desk) -> None:
    desk.knows()
    await desk.later(hours=5)
    await desk.tell(offered(desk, expires_at=datetime(2026, 11, 25, 6, 59, tzinfo=UTC)))
    assert await desk.states() == {"seat_offered": ["suppressed(stale)"]}


async def test_fourth_notice_of_a_day_waits_for_the_next_morning(desk: Desk) -> None:
    desk.knows()
    await desk.tell(*(offered(desk) for _ in range(4)))
    assert await desk.states() == {"seat_offered": ["sent", "sent", "sent", "held"]}
    assert len(desk.neighbours.texts) == 3

    await desk.later(hours=16, minutes=59)
    assert len(desk.neighbours.texts) == 3
    await desk.later(minutes=1)
    assert len(desk.neighbours.texts) == 4


async def test_fourth_notice_that_cannot_wait_is_suppressed(desk: Desk) -> None:
    desk.knows()
    today = desk.clock.now() + timedelta(hours=2)
    await desk.tell(*(offered(desk, expires_at=today) for _ in range(4)))
    assert await desk.states() == {"seat_offered": ["sent", "sent", "sent", "suppressed(too_many)"]}
    events = [told.event for told in await desk.told()]
    assert [event.reason for event in events if isinstance(event, NoticeSuppressed)] == ["too_many"]


async def test_nobody_is_written_to_when_the_referrer_is_of_the_sandbox(desk: Desk) -> None:
    """Its organisations are, at the address that each gave of itself."""
    async with desk.db.transaction() as tx:
        await tx.execute("UPDATE directory_organisations SET sandbox = true WHERE organisation_id = $1", ASSOCIATION)
    desk.knows()

    await desk.tell(offered(desk), desk.event(ReferralSubmitted))

    assert await desk.states() == {"seat_offered": ["suppressed(sandbox)"], "referral_submitted": ["sent"]}
    assert desk.neighbours.texts == {}
    events = [told.event for told in await desk.told()]
    assert [event.reason for event in events if isinstance(event, NoticeSuppressed)] == ["sandbox"]


async def test_notice_taken_up_again_does_not_count_against_itself(desk: Desk) -> None:
    desk.knows()
    await desk.tell(offered(desk), offered(desk))
    await desk.deliver(offered(desk))
    async with desk.db.transaction() as tx:
        await tx.execute("UPDATE notices SET state = 'sending' WHERE state = 'requested'")
    await desk.send()
    assert await desk.states() == {"seat_offered": ["sent"] * 3}


async def test_days_of_two_persons_are_counted_apart(desk: Desk) -> None:
    other = UUID(int=0x502)
    desk.knows()
    desk.knows(other)
    await desk.tell(*(offered(desk) for _ in range(3)), offered(desk, subject_ref=other))
    assert await desk.states() == {"seat_offered": ["sent"] * 4}


async def test_refused_channel_is_not_used(desk: Desk) -> None:
    desk.knows()
    answer = await desk.http.put(f"/opt-outs/{UUID(int=0x501)}/sms", headers=desk.operator())
    assert answer.status_code == 204
    await desk.tell(offered(desk))
    assert desk.neighbours.texts == {}
    assert len(desk.post.to(PERSON)) == 1

    await desk.http.put(f"/opt-outs/{UUID(int=0x501)}/email", headers=desk.operator())
    await desk.tell(offered(desk))
    assert await desk.states() == {"seat_offered": ["sent", "suppressed(opt_out)"]}

    await desk.http.delete(f"/opt-outs/{UUID(int=0x501)}/sms", headers=desk.operator())
    await desk.tell(offered(desk))
    assert len(desk.neighbours.texts) == 1


async def test_refusal_that_registration_knows_of_counts_as_well(desk: Desk) -> None:
    desk.knows(opt_outs=["sms", "email"])
    await desk.tell(offered(desk))
    assert await desk.states() == {"seat_offered": ["suppressed(opt_out)"]}


async def test_event_read_long_after_tells_nobody(desk: Desk) -> None:
    old = desk.record(desk.event(ReferralSubmitted), at=desk.clock.now() - timedelta(days=30))
    await desk.tell(old)
    assert await desk.states() == {"referral_submitted": ["suppressed(stale)"]}
    assert desk.post.kept == {}


async def test_older_event_that_comes_late_takes_nothing_back(desk: Desk) -> None:
    id_ = uuid4()
    early = desk.booked(MONDAY_FAR - timedelta(days=7), id_)
    late = desk.booked(MONDAY_FAR, id_)
    await desk.deliver(late)
    postponed = desk.older(early, id_)
    await desk.deliver(postponed)
    assert (await desk.states())["appointment_reminder"] == ["requested"]
