"""What was shared with whom is noted once, from three topics in any order, and shown to nobody but the person."""

from __future__ import annotations

from typing import Any

from chassis.ids import new_id
from chassis.testing.events import COUNCIL, example
from maillage_contracts import AccompanimentReviewed, EnrolmentConfirmed, ReferralMoved

from .conftest import DAY, EMPLOYMENT, START, TRAINING, Story, at

Desk = Any
ORDER = ("referral", "accompaniment", "training")


def confirmed(story: Story, **changes: Any) -> EnrolmentConfirmed:
    routing = story.activated().routing.model_copy(update={"training_organisation_id": TRAINING})
    return EnrolmentConfirmed(
        enrolment_id=new_id(), aggregate_version=3, session_id=new_id(), starts_at=START + 9 * DAY,
        accompaniment_id=story.accompaniment_id, action_id=new_id(), referral_id=story.referral_id,
        subject_ref=story.subject_ref, routing=routing, confirmed_at=START + DAY,
    ).model_copy(update=changes)  # fmt: skip


async def shown(desk: Desk, story: Story) -> list[dict[str, Any]]:
    token = await desk.link(story, await desk.proposed(story))
    answer = await desk.http.get("/person/sharing", headers={"maillage-link": token})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return list(answer.json()["items"])


async def test_what_was_shared_is_shown_with_names_oldest_first(desk: Desk) -> None:
    story = await desk.accompanied()
    await desk.hear(confirmed(story))

    items = sorted(await shown(desk, story), key=lambda item: ORDER.index(item["what"]))

    assert [(item["what"], item["from_name"], item["to_name"]) for item in items] == [
        ("referral", "Association exemple", "Département exemple"),
        ("accompaniment", "Département exemple", "Service de l’emploi exemple"),
        ("training", "Département exemple, Service de l’emploi exemple", "Organisme de formation exemple"),
    ]
    assert (items[1]["at"], items[2]["at"]) == (at(0), at(1))


async def test_council_where_the_person_moved_to_is_among_those_who_were_told(desk: Desk) -> None:
    story = await desk.person()
    for asked_anew, version in ((False, 2), (True, 3)):
        receiver = TRAINING if asked_anew else COUNCIL
        routing = story.activated().routing.model_copy(update={"receiver_organisation_id": receiver})
        await desk.hear(
            example(
                ReferralMoved, referral_id=story.referral_id, aggregate_version=version, routing=routing,
                previous_receiver_organisation_id=COUNCIL,
            )
        )  # fmt: skip

    noted = await desk.rows("SELECT * FROM sharings WHERE what = 'referral' ORDER BY at, to_id")

    assert {row["to_id"] for row in noted} == {COUNCIL, TRAINING}
    assert len(noted) == 2


async def test_proposal_shares_already_and_its_acceptance_nothing_more(desk: Desk) -> None:
    story = await desk.person()
    await desk.hear(story.proposed(), story.correlation_id)
    noted = await desk.rows("SELECT * FROM sharings WHERE what = 'accompaniment'")
    assert [(row["from_ids"], row["to_id"]) for row in noted] == [([COUNCIL], EMPLOYMENT)]
    await desk.hear(story.activated(), story.correlation_id)
    assert await desk.rows("SELECT * FROM sharings WHERE what = 'accompaniment'") == noted


async def test_each_time_is_noted_once(desk: Desk) -> None:
    story = await desk.accompanied()
    enrolment = confirmed(story)
    await desk.hear(enrolment)
    before = await desk.rows("SELECT * FROM sharings")
    await desk.hear(enrolment)
    await desk.hear(AccompanimentReviewed(**story.common(7), reviewed_by=COUNCIL, reviewed_at=START + DAY))
    assert await desk.rows("SELECT * FROM sharings") == before
    assert len(before) == 3


async def test_a_person_sees_their_own_only(desk: Desk) -> None:
    story, other = await desk.accompanied(), await desk.accompanied(last_name="Autre")
    await desk.hear(confirmed(story))
    assert sorted(item["what"] for item in await shown(desk, other)) == ["accompaniment", "referral"]


async def test_a_training_may_be_confirmed_before_the_accompaniment_is_heard_of(desk: Desk) -> None:
    story = await desk.person()
    await desk.hear(confirmed(story))
    await desk.hear(story.activated())
    assert sorted(item["what"] for item in await shown(desk, story)) == ["accompaniment", "referral", "training"]


async def test_name_that_has_not_arrived_yet_is_left_out(desk: Desk) -> None:
    story = await desk.accompanied()
    await desk.rows("DELETE FROM directory_organisations WHERE organisation_id = $1", TRAINING)
    await desk.hear(confirmed(story))
    assert "" in {item["to_name"] for item in await shown(desk, story)}


async def test_withdrawn_referral_was_not_shared_about_anybody(desk: Desk) -> None:
    await desk.processor.process([desk.submitted(status="withdrawn", version=2)])
    assert await desk.rows("SELECT * FROM sharings") == []
