"""What the gateway says afterwards: believed when signed, once, whatever came first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from maillage_contracts import EnrolmentConfirmed, EnrolmentSeatOffered, NoticeDelivered

Desk = Any
PERSON = "camille@exemple.test"


async def texted(desk: Desk) -> UUID:
    """Send a notice by text message, with an e-mail to fall back to; return its id."""
    desk.knows()
    await desk.tell(desk.event(EnrolmentSeatOffered, expires_at=desk.clock.now() + timedelta(hours=48)))
    (row,) = await desk.rows("SELECT notice_id FROM notices")
    notice_id: UUID = row["notice_id"]
    return notice_id


async def test_delivered_text_message_is_told(desk: Desk) -> None:
    notice_id = await texted(desk)
    answer = await desk.receipt(notice_id)
    assert (answer.status_code, answer.json()) == (200, {"reference": str(notice_id)})
    assert await desk.states() == {"seat_offered": ["delivered"]}
    last = (await desk.told())[-1].event
    assert isinstance(last, NoticeDelivered)
    assert (last.channel, last.subject_ref) == ("sms", UUID(int=0x501))


async def test_repeated_receipt_changes_nothing(desk: Desk) -> None:
    notice_id = await texted(desk)
    await desk.receipt(notice_id)
    before = [await desk.rows(f"SELECT * FROM {table}") for table in ("notices", "deliveries", "outbox")]
    for status in ("delivered", "undeliverable"):
        assert (await desk.receipt(notice_id, status)).status_code == 200
    assert [await desk.rows(f"SELECT * FROM {table}") for table in ("notices", "deliveries", "outbox")] == before


@pytest.mark.parametrize("status", ["undeliverable", "failed"])
async def test_text_message_that_did_not_arrive_is_followed_by_an_email(desk: Desk, status: str) -> None:
    notice_id = await texted(desk)
    await desk.receipt(notice_id, status)
    await desk.send()
    assert await desk.states() == {"seat_offered": ["sent"]}
    assert len(desk.post.to(PERSON)) == 1
    # A late good receipt of a channel given up changes nothing.
    await desk.receipt(notice_id, "delivered")
    assert await desk.states() == {"seat_offered": ["sent"]}


async def test_last_channel_that_did_not_arrive_is_a_task_for_a_human(desk: Desk) -> None:
    desk.knows(email=None)
    await desk.tell(desk.event(EnrolmentConfirmed, starts_at=desk.clock.now() + timedelta(days=30)))
    (row,) = await desk.rows("SELECT notice_id FROM notices WHERE template = 'enrolment_confirmed_sms'")
    await desk.receipt(row["notice_id"], "undeliverable")
    assert (await desk.states())["enrolment_confirmed_sms"] == ["exhausted"]
    assert await desk.told_kinds("enrolment_confirmed_sms") == ["NoticeSent", "NoticeExhausted"]


async def test_fallback_that_nobody_can_use_is_a_task_for_a_human(desk: Desk) -> None:
    notice_id = await texted(desk)
    desk.knows(email=None)
    await desk.receipt(notice_id, "undeliverable")
    await desk.send()
    assert await desk.states() == {"seat_offered": ["exhausted"]}


@pytest.mark.parametrize(("status", "then"), [("delivered", "delivered"), ("undeliverable", "fallback")])
async def test_receipt_that_comes_before_the_answer_was_recorded_counts(desk: Desk, status: str, then: str) -> None:
    notice_id = await texted(desk)
    async with desk.db.transaction() as tx:
        # As the gateway finds it when it is faster than our transaction.
        await tx.execute("UPDATE notices SET state = 'sending', due_at = $1", desk.clock.now())
        await tx.execute("DELETE FROM deliveries")
    assert (await desk.receipt(notice_id, status)).status_code == 200
    assert await desk.states() == {"seat_offered": ["sending"]}

    await desk.sender.step()

    assert await desk.states() == {"seat_offered": [then]}
    assert len(desk.neighbours.texts) == 1


@pytest.mark.parametrize("signature", ["", "v1=", "v1=00", "v2=" + "0" * 64, "ü"])
async def test_receipt_that_is_not_signed_is_refused(desk: Desk, signature: str) -> None:
    notice_id = await texted(desk)
    answer = await desk.receipt(notice_id, signature=signature)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
    assert await desk.states() == {"seat_offered": ["sent"]}


async def test_receipt_of_something_else_is_not_found(desk: Desk) -> None:
    assert (await desk.receipt(uuid4())).status_code == 404


@pytest.mark.parametrize("reference", ["", "not-an-id"])
async def test_receipt_that_cannot_be_read_repeats_nothing(desk: Desk, reference: str) -> None:
    answer = await desk.receipt(reference)
    assert answer.status_code == 422
    assert "not-an-id" not in answer.text
