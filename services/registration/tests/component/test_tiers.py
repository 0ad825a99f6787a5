"""The joint tier follows from the accompaniment's events: repeated, late, or all at once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from chassis.ids import derived_id, new_id
from chassis.testing.events import COUNCIL
from maillage_contracts import AccompanimentReviewDue, AccompanimentReviewed, PersonTierChanged
from registration.adapters.events import TIER

from .conftest import START, Story

Desk = Any
PURPOSE = {"maillage-purpose": "show-tier"}


async def changes(desk: Desk) -> list[PersonTierChanged]:
    return [one.event for one in await desk.told() if isinstance(one.event, PersonTierChanged)]


def another(story: Story) -> Story:
    """Another accompaniment of the same person."""
    return Story(story.subject_ref, new_id(), new_id(), new_id())


async def test_activation_makes_the_tier_joint_and_the_end_takes_it_back(desk: Desk) -> None:
    story = await desk.person()
    await desk.hear(story.proposed(), story.correlation_id)
    assert await changes(desk) == []
    activation = await desk.hear(story.activated(), story.correlation_id)
    await desk.hear(story.ended(), story.correlation_id)

    joint, after = await changes(desk)
    assert (joint.tier, joint.previous_tier, joint.reason) == ("joint", None, "accompaniment_activated")
    assert (after.tier, after.previous_tier, after.reason) == (None, "joint", "accompaniment_ended")
    assert (joint.accompaniment_id, joint.referral_id) == (story.accompaniment_id, story.referral_id)
    assert joint.routing == story.activated().routing
    told = await desk.told("registration-person")
    # One version for the person, whatever happens to them: in order, and growing.
    assert [one.event.aggregate_version for one in told] == [1, 2, 3]
    assert {one.envelope.correlation_id for one in told} == {story.correlation_id}
    assert (told[1].envelope.causation_id, told[1].envelope.id) == (activation, derived_id(activation, TIER))


async def test_review_changes_nothing(desk: Desk) -> None:
    story = await desk.accompanied()
    await desk.hear(AccompanimentReviewDue(**story.common(6), due_at=START))
    await desk.hear(AccompanimentReviewed(**story.common(7), reviewed_by=COUNCIL, reviewed_at=START))
    assert [event.tier for event in await changes(desk)] == ["joint"]
    assert [row["status"] for row in await desk.rows("SELECT status FROM known_accompaniments")] == ["active"]


async def test_repeats_and_older_versions_change_nothing(desk: Desk) -> None:
    story = await desk.person()
    repeated = await desk.hear(story.activated(), story.correlation_id)
    await desk.hear(story.ended(), story.correlation_id)
    before = await desk.tables()

    await desk.hear(story.activated(), story.correlation_id, event_id=repeated)
    assert await desk.tables() == before
    await desk.hear(story.activated(), story.correlation_id)
    await desk.hear(story.proposed(), story.correlation_id)

    after = await desk.tables()
    assert {name for name in after if after[name] != before[name]} == {"inbox"}


async def test_end_of_one_of_two_accompaniments_leaves_the_joint_tier(desk: Desk) -> None:
    first = await desk.accompanied()
    second = another(first)
    await desk.hear(second.activated())
    await desk.hear(first.ended())
    assert [event.tier for event in await changes(desk)] == ["joint"]

    await desk.hear(second.ended())

    assert [event.tier for event in await changes(desk)] == ["joint", None]
    assert (await changes(desk))[-1].accompaniment_id == second.accompaniment_id


async def test_news_of_two_accompaniments_at_once_come_one_after_the_other(desk: Desk) -> None:
    first = await desk.person()
    stories = [first, *(another(first) for _ in range(5))]
    await asyncio.gather(*(desk.hear(story.activated()) for story in stories))
    await asyncio.gather(*(desk.hear(story.ended()) for story in stories))

    assert [event.tier for event in await changes(desk)] == ["joint", None]
    assert await desk.rows("SELECT * FROM dead_letters") == []


async def test_accompaniment_of_an_erased_person_is_nobodys(desk: Desk) -> None:
    story = await desk.person()
    await erase(desk, story.subject_ref)
    await desk.hear(story.activated())
    assert await changes(desk) == []
    assert await desk.rows("SELECT * FROM known_accompaniments") == []


async def test_accompaniment_of_somebody_unknown_is_set_aside(desk: Desk) -> None:
    await desk.hear(another(Story(uuid4(), new_id(), new_id(), new_id())).activated())
    (letter,) = await desk.rows("SELECT cause FROM dead_letters")
    assert letter["cause"].startswith("PersonUnknown")


async def test_history_is_read_by_a_service_and_the_reading_is_audited(desk: Desk) -> None:
    story = await desk.accompanied()
    url = f"/persons/{story.subject_ref}/tiers"
    assert (await desk.http.get(url, headers=PURPOSE)).status_code == 401
    assert (await desk.http.get(url, headers={**desk.pair(COUNCIL), **PURPOSE})).status_code == 403
    assert (await desk.http.get(f"/persons/{uuid4()}/tiers", headers={**desk.bearer(), **PURPOSE})).status_code == 404
    assert await desk.rows("SELECT * FROM audit") == []
    await desk.hear(story.ended())

    answer = await desk.http.get(url, headers={**desk.bearer(), **PURPOSE})

    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert (found["subject_ref"], found["tier"]) == (str(story.subject_ref), None)
    assert [(item["tier"], item["previous_tier"], item["reason"]) for item in found["items"]] == [
        ("joint", None, "accompaniment_activated"), (None, "joint", "accompaniment_ended")
    ]  # fmt: skip
    (row,) = await desk.rows("SELECT * FROM audit")
    assert (row["record_id"], row["record_kind"], row["purpose"]) == (story.subject_ref, "person", "show-tier")


async def test_history_of_a_person_without_any_is_empty_and_of_an_erased_one_gone(desk: Desk) -> None:
    story = await desk.person()
    url, headers = f"/persons/{story.subject_ref}/tiers", {**desk.bearer(), **PURPOSE}
    assert (await desk.http.get(url, headers=headers)).json() == {
        "subject_ref": str(story.subject_ref), "tier": None, "items": []
    }  # fmt: skip
    await erase(desk, story.subject_ref)
    assert (await desk.http.get(url, headers=headers)).status_code == 410


async def erase(desk: Desk, subject_ref: UUID) -> None:
    await desk.rows(
        "UPDATE persons SET state = 'erased', wrapped_key = NULL, identity = NULL, contact = NULL, lookup = NULL, "
        "contact_points = NULL WHERE subject_ref = $1",
        subject_ref,
    )
