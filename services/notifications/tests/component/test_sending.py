"""Carriers that refuse, that are busy, that are away; neighbours that lag; a process that dies in between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.testing.events import example
from maillage_contracts import (
    AppointmentPostponed,
    EnrolmentConfirmed,
    EnrolmentSeatOffered,
    NoticeExhausted,
    OrganisationRegistered,
    ReferralAccepted,
    ReferralSubmitted,
)

Desk = Any

COUNCIL, PERSON = "cd93@exemple.test", "camille@exemple.test"
TUESDAY = datetime(2026, 12, 1, 13, 0, tzinfo=UTC)


def offered(desk: Desk) -> EnrolmentSeatOffered:
    """A notice that goes by text message first, then by e-mail."""
    event: EnrolmentSeatOffered = desk.event(EnrolmentSeatOffered, expires_at=desk.clock.now() + timedelta(hours=48))
    return event


async def test_busy_mailbox_is_tried_again_and_told_once(desk: Desk) -> None:
    desk.post.answers[COUNCIL] = ["450 later", "450 later"]
    await desk.tell(desk.event(ReferralSubmitted))
    assert await desk.states() == {"referral_submitted": ["retry"]}
    await desk.later(seconds=40)
    assert await desk.states() == {"referral_submitted": ["retry"]}
    await desk.later(minutes=2, seconds=30)

    assert await desk.states() == {"referral_submitted": ["sent"]}
    (row,) = await desk.rows("SELECT tries, outcome FROM deliveries")
    assert (row["tries"], row["outcome"]) == (3, "accepted")
    assert await desk.told_kinds("referral_submitted") == ["NoticeSent"]


async def test_retries_are_not_made_before_their_time(desk: Desk) -> None:
    desk.post.answers[COUNCIL] = ["450 later"]
    await desk.tell(desk.event(ReferralSubmitted))
    await desk.later(seconds=29)
    assert await desk.states() == {"referral_submitted": ["retry"]}


async def test_address_that_does_not_exist_is_a_task_for_a_human(desk: Desk) -> None:
    desk.post.answers[COUNCIL] = ["550 no such user"]
    await desk.tell(desk.event(ReferralSubmitted))
    assert await desk.states() == {"referral_submitted": ["exhausted"]}
    (told,) = await desk.told()
    assert isinstance(told.event, NoticeExhausted)
    (row,) = await desk.rows("SELECT outcome FROM deliveries")
    assert row["outcome"] == "smtp_550"


async def test_number_refused_for_good_leads_to_the_next_channel(desk: Desk) -> None:
    desk.knows()
    desk.neighbours.gateway_answers = [422]
    await desk.tell(offered(desk))
    assert await desk.states() == {"seat_offered": ["sent"]}
    assert len(desk.post.to(PERSON)) == 1
    rows = await desk.rows("SELECT channel, outcome FROM deliveries ORDER BY first_at, channel")
    assert {(row["channel"], row["outcome"]) for row in rows} == {("sms", "http_422"), ("email", "accepted")}


async def test_gateway_that_is_busy_twice_takes_it_the_third_time(desk: Desk) -> None:
    desk.knows(phone="06 39 98 00 97")
    await desk.tell(offered(desk))
    await desk.later(seconds=40)
    assert desk.neighbours.texts == {}
    await desk.later(minutes=3)
    assert len(desk.neighbours.texts) == 1
    assert await desk.states() == {"seat_offered": ["sent"]}


async def test_gateway_busy_for_hours_leads_to_the_next_channel(desk: Desk) -> None:
    desk.knows()
    desk.neighbours.gateway_answers = [503] * 6
    await desk.tell(offered(desk))
    for _ in range(24):
        await desk.later(hours=1)
    assert await desk.states() == {"seat_offered": ["sent"]}
    assert len(desk.post.to(PERSON)) == 1
    assert desk.neighbours.texts == {}


async def test_person_without_a_mobile_number_is_reached_by_the_other_channel(desk: Desk) -> None:
    desk.knows(phone="01 99 00 00 00")
    await desk.tell(offered(desk))
    assert len(desk.post.to(PERSON)) == 1
    assert await desk.rows("SELECT channel FROM deliveries") == [("email",)]


async def test_person_without_any_way_is_not_written_to(desk: Desk) -> None:
    desk.knows(phone=None, email=None)
    await desk.tell(offered(desk))
    assert await desk.states() == {"seat_offered": ["suppressed(no_channel)"]}


async def test_mail_server_away_loses_nothing_and_counts_nothing(desk: Desk) -> None:
    await desk.post.close()
    await desk.tell(desk.event(ReferralSubmitted))
    for _ in range(30):
        await desk.later(seconds=11)
    (row,) = await desk.rows("SELECT state, attempts, takes FROM notices")
    assert (row["state"], row["attempts"], row["takes"]) == ("requested", 0, 0)
    assert "email" in desk.sender.note()
    assert await desk.rows("SELECT * FROM deliveries") == []

    await desk.post.open()
    await desk.later(seconds=11)
    assert await desk.states() == {"referral_submitted": ["sent"]}
    assert desk.sender.note() is None


async def test_organisation_is_not_told_what_is_too_old_once_the_mail_server_is_back(desk: Desk) -> None:
    await desk.post.close()
    await desk.tell(desk.event(ReferralAccepted))
    await desk.post.open()
    await desk.later(days=7)
    assert await desk.states() == {"referral_accepted": ["suppressed(stale)"]}
    assert desk.post.kept == {}


@pytest.mark.parametrize(("to", "answer"), [("sender", "550 who are you"), (COUNCIL, "421 leaving")])
async def test_mail_server_that_refuses_us_or_leaves_is_waited_for(desk: Desk, to: str, answer: str) -> None:
    desk.post.answers[to] = [answer]
    await desk.tell(desk.event(ReferralSubmitted))
    assert await desk.states() == {"referral_submitted": ["requested"]}
    await desk.later(seconds=11)
    assert await desk.states() == {"referral_submitted": ["sent"]}
    assert await desk.rows("SELECT tries FROM deliveries") == [(1,)]


async def test_mail_server_away_keeps_no_text_message_back(desk: Desk) -> None:
    desk.knows()
    await desk.post.close()
    await desk.deliver(desk.event(EnrolmentConfirmed, starts_at=TUESDAY + timedelta(days=40)))
    await desk.send()
    states = await desk.states()
    assert (states["enrolment_confirmed"], states["enrolment_confirmed_sms"]) == (["requested"], ["sent"])
    await desk.post.open()


@pytest.mark.parametrize("status", [401, 404])
async def test_gateway_that_refuses_us_is_waited_for(desk: Desk, status: int) -> None:
    desk.knows()
    desk.neighbours.gateway_answers = [status] * 3
    await desk.tell(offered(desk))
    await desk.later(seconds=11)
    assert await desk.states() == {"seat_offered": ["requested"]}
    assert "refuses" in desk.sender.note()
    await desk.later(seconds=11)
    await desk.later(seconds=11)
    assert await desk.states() == {"seat_offered": ["sent"]}


async def test_registration_away_keeps_persons_waiting_and_organisations_told(desk: Desk) -> None:
    desk.neighbours.registration_away = True
    await desk.tell(desk.booked(TUESDAY))
    states = await desk.states()
    assert states["appointment_booked"] == ["requested"]
    assert states["appointment_booked_parties"] == ["sent", "sent"]
    assert "registration" in desk.sender.note()

    desk.neighbours.registration_away = False
    await desk.later(seconds=11)
    assert (await desk.states())["appointment_booked"] == ["sent"]


async def test_answer_older_than_the_event_is_waited_for(desk: Desk) -> None:
    event = desk.booked(TUESDAY)
    known = desk.neighbours.contacts[str(event.subject_ref)]["appointments"][str(event.appointment_id)]
    known |= {"version": 0, "status": "proposed", "starts_at": None}
    await desk.tell(event)
    assert (await desk.states())["appointment_booked"] == ["requested"]

    desk.knows(event.subject_ref, event)
    await desk.later(seconds=11)
    assert (await desk.states())["appointment_booked"] == ["sent"]


async def test_answer_that_is_ahead_stops_what_is_no_longer_true(desk: Desk) -> None:
    id_ = uuid4()
    event = desk.booked(TUESDAY, id_)
    # Registration has moved on; its event has not arrived here yet.
    desk.knows(appointment=desk.event(AppointmentPostponed, id_, previous_starts_at=TUESDAY))
    await desk.tell(event)
    assert (await desk.states())["appointment_booked"] == ["suppressed(stale)"]

    desk.booked(TUESDAY + timedelta(days=1), id_)
    await desk.tell(desk.event(AppointmentPostponed, id_, previous_starts_at=TUESDAY))
    assert desk.post.to(PERSON) == []


async def test_another_date_than_the_one_announced_is_not_told(desk: Desk) -> None:
    id_ = uuid4()
    event = desk.booked(TUESDAY, id_)
    desk.booked(TUESDAY + timedelta(days=1), id_)
    await desk.tell(event)
    assert (await desk.states())["appointment_booked"] == ["suppressed(stale)"]


async def test_person_registration_does_not_know_yet_is_waited_for(desk: Desk) -> None:
    await desk.tell(offered(desk))
    assert await desk.states() == {"seat_offered": ["requested"]}
    desk.knows()
    await desk.later(seconds=11)
    assert await desk.states() == {"seat_offered": ["sent"]}


async def test_organisation_not_heard_of_yet_is_waited_for(desk: Desk) -> None:
    newcomer = uuid4()
    routing = desk.event(ReferralAccepted).routing.model_copy(update={"receiver_organisation_id": newcomer})
    await desk.tell(desk.event(ReferralSubmitted, routing=routing))
    assert await desk.states() == {"referral_submitted": ["requested"]}

    joined = example(OrganisationRegistered, organisation_id=newcomer, email="nouveau@exemple.test")
    await desk.joins(joined)
    await desk.later(seconds=11)
    assert len(desk.post.to("nouveau@exemple.test")) == 1


async def test_organisation_without_an_address_is_not_written_to(desk: Desk) -> None:
    newcomer = uuid4()
    await desk.joins(example(OrganisationRegistered, organisation_id=newcomer, email=None))
    routing = desk.event(ReferralAccepted).routing.model_copy(update={"receiver_organisation_id": newcomer})
    await desk.tell(desk.event(ReferralSubmitted, routing=routing))
    assert await desk.states() == {"referral_submitted": ["suppressed(no_channel)"]}


async def test_batch_asks_once_for_all_its_persons(desk: Desk) -> None:
    events = []
    for n in range(5):
        person = UUID(int=0x600 + n)
        desk.knows(person, email=f"p{n}@exemple.test")
        events.append(desk.event(EnrolmentSeatOffered, subject_ref=person, expires_at=TUESDAY))
    await desk.tell(*events)
    assert [len(asked) for asked, *_ in desk.neighbours.questions] == [5]
    assert len(desk.neighbours.texts) == 5


async def test_notice_left_in_hand_is_taken_up_again_after_its_lease(desk: Desk) -> None:
    await desk.deliver(desk.event(ReferralSubmitted))
    async with desk.db.transaction() as tx:
        await tx.execute("UPDATE notices SET state = 'sending', due_at = $1", desk.clock.now() + timedelta(minutes=2))
    await desk.later(minutes=1)
    assert await desk.states() == {"referral_submitted": ["sending"]}
    await desk.later(minutes=1)
    assert await desk.states() == {"referral_submitted": ["sent"]}


async def test_replica_takes_back_at_once_what_it_had_in_hand(desk: Desk) -> None:
    await desk.deliver(desk.event(ReferralSubmitted))
    async with desk.db.transaction() as tx:
        await tx.execute(
            "UPDATE notices SET state = 'sending', taken_by = '0', due_at = $1", desk.clock.now() + timedelta(minutes=2)
        )
    await desk.sender.take_back()
    await desk.send()
    assert await desk.states() == {"referral_submitted": ["sent"]}


async def test_notice_that_is_taken_again_and_again_is_given_to_a_human(desk: Desk) -> None:
    await desk.deliver(desk.event(ReferralSubmitted))
    async with desk.db.transaction() as tx:
        await tx.execute("UPDATE notices SET takes = 10")
    await desk.send()
    assert await desk.states() == {"referral_submitted": ["exhausted"]}


async def test_sent_twice_under_one_message_id_is_kept_once(desk: Desk) -> None:
    await desk.tell(desk.event(ReferralSubmitted))
    async with desk.db.transaction() as tx:
        # As if what was done had not been recorded.
        await tx.execute("UPDATE notices SET state = 'requested', due_at = $1", desk.clock.now())
    await desk.send()
    assert list(desk.post.handed_over.values()) == [2]
    assert len(desk.post.kept) == 1


async def test_two_workers_share_the_work_and_tell_nobody_twice(desk: Desk) -> None:
    for n in range(60):
        await desk.deliver(desk.event(ReferralSubmitted, UUID(int=0x900 + n)))
    await asyncio.gather(*(desk.send() for _ in range(3)))
    assert (await desk.states())["referral_submitted"] == ["sent"] * 60
    assert len(desk.post.handed_over) == 60
    assert set(desk.post.handed_over.values()) == {1}
