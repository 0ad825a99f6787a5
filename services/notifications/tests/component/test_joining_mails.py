"""Whoever asks to join is written to where partners say, and the address is kept nowhere here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.testing.events import example
from maillage_contracts import JoinRequestApproved, JoinRequestConfirmed, JoinRequestRefused, JoinRequestSubmitted

Desk = Any

ASKER = "informatique@departement.exemple.test"
LINK = "made-up-link-of-the-mail"


def knows(desk: Desk, **changes: Any) -> UUID:
    """Make partners know a request to join."""
    id_ = uuid4()
    known = {"join_request_id": str(id_), "version": 3, "gone": False, "language": "fr", "email": ASKER, "link": LINK}
    desk.neighbours.applicants[str(id_)] = known | changes
    return id_


def submitted(desk: Desk, id_: UUID) -> JoinRequestSubmitted:
    ends = desk.clock.now() + timedelta(days=3)
    return example(JoinRequestSubmitted, join_request_id=id_, submitted_at=desk.clock.now(), expires_at=ends)


async def test_the_link_is_mailed_once_and_the_address_is_kept_nowhere(desk: Desk) -> None:
    id_ = knows(desk)
    record = desk.record(submitted(desk, id_))
    await desk.tell(record, record)

    (text,) = desk.post.texts(ASKER)
    assert text.startswith("Confirmez votre demande\n")
    assert f"http://portail.test/rejoindre/{LINK}" in text
    assert "01 99 00 12 34" in text
    assert desk.neighbours.questions == [([str(id_)], [], "notice")]
    kept = str([dict(row) for row in await desk.rows("SELECT * FROM notices")])
    told = str([dict(row) for row in await desk.rows("SELECT * FROM outbox")])
    assert str(id_) in kept
    assert "sent" in told
    for secret in (ASKER, LINK):
        assert secret not in kept + told


@pytest.mark.parametrize(
    ("model", "subject"),
    [
        (JoinRequestApproved, "Your organisation has joined Maillage"),
        (JoinRequestRefused, "Your request is not accepted"),
    ],
)
async def test_the_answer_is_mailed_in_the_language_of_the_request(desk: Desk, model: Any, subject: str) -> None:
    id_ = knows(desk, language="en")
    await desk.tell(example(model, join_request_id=id_))

    (text,) = desk.post.texts(ASKER)
    assert text.startswith(subject)
    assert f"http://portail.test/rejoindre/{LINK}" in text


async def test_mail_waits_for_partners_and_goes_when_they_answer(desk: Desk) -> None:
    id_ = knows(desk)
    desk.neighbours.partners_away = True
    await desk.tell(submitted(desk, id_))
    assert desk.post.texts(ASKER) == []
    assert "partners" in (desk.sender.note() or "")

    desk.neighbours.partners_away = False
    await desk.later(minutes=1)

    assert len(desk.post.texts(ASKER)) == 1


async def test_nothing_is_mailed_once_it_is_confirmed_or_the_address_is_forgotten(desk: Desk) -> None:
    confirmed, gone = knows(desk), knows(desk, gone=True, email=None, link=None)
    first = submitted(desk, confirmed)
    await desk.deliver(first, example(JoinRequestConfirmed, join_request_id=confirmed, aggregate_version=2))
    await desk.tell(submitted(desk, gone))

    assert desk.post.texts(ASKER) == []
    assert (await desk.states())["join_to_confirm"] == ["superseded", "suppressed(erased)"]


OPERATORS = "exploitation@exemple.test"
"""As conftest's settings say."""


def confirmed(desk: Desk, id_: UUID, version: int = 2) -> JoinRequestConfirmed:
    return example(JoinRequestConfirmed, join_request_id=id_, aggregate_version=version, confirmed_at=desk.clock.now())


async def test_operators_hear_of_a_request_that_waits_and_of_none_that_was_answered_at_once(desk: Desk) -> None:
    waiting, answered = uuid4(), uuid4()
    await desk.tell(
        confirmed(desk, waiting),
        confirmed(desk, answered),
        example(JoinRequestApproved, join_request_id=answered, aggregate_version=3),
    )
    assert desk.post.texts(OPERATORS) == []
    await desk.later(minutes=10)

    (text,) = desk.post.texts(OPERATORS)
    assert text.startswith("Une demande attend votre réponse\n")
    assert f"http://portail.test/demandes/{waiting}" in text
    assert (await desk.states())["join_waits"] == ["sent", "superseded"]
    assert str(waiting) not in str(desk.neighbours.questions), "nobody is asked whose request it is"


async def test_operators_without_an_address_are_sent_nothing(desk: Desk) -> None:
    desk.sender.operators_email = ""
    await desk.tell(confirmed(desk, uuid4()))
    await desk.later(minutes=10)

    assert (await desk.states())["join_waits"] == ["suppressed(no_channel)"]
    assert desk.post.texts(OPERATORS) == []
