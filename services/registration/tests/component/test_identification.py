"""A submitted referral leads to one person, told once, in the referral's story: repeated, late or all at once."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from chassis.errors import DependencyDown
from chassis.testing.events import received, routing, source_of_event, submitted
from maillage_contracts import PersonIdentified, ReferralSubmitted, decode
from registration.adapters.events import Cause
from registration.adapters.postgres.persons import PostgresPersons
from registration.domain.identity import Contact, Described, Identity

Desk = Any


def identified(told: list[Any]) -> list[PersonIdentified]:
    assert all(isinstance(decoded.event, PersonIdentified) for decoded in told)
    return [decoded.event for decoded in told]


async def test_unknown_person_is_pre_registered_in_the_story_of_the_referral(desk: Desk) -> None:
    source = desk.submitted()
    await desk.processor.process([source])

    cause = decode({name: value.decode() for name, value in source.headers}, source.value)
    (told,) = await desk.told()
    (event,) = identified([told])
    assert (event.outcome, event.aggregate_version, event.routing) == ("pre_registered", 1, routing())
    assert told.envelope.correlation_id == cause.envelope.correlation_id
    assert told.envelope.causation_id == cause.envelope.id
    (person,) = await desk.rows("SELECT * FROM persons")
    assert (person["state"], person["subject_ref"]) == ("pre_registered", event.subject_ref)
    (question,) = desk.referrals.questions
    assert question.headers["maillage-purpose"] == "identify-person"


async def test_second_delivery_changes_nothing(desk: Desk) -> None:
    source = desk.submitted()
    await desk.processor.process([source])
    before = [await desk.rows(f"SELECT * FROM {table}") for table in ("persons", "identifications", "outbox")]

    await desk.processor.process([source, source])

    assert [await desk.rows(f"SELECT * FROM {table}") for table in ("persons", "identifications", "outbox")] == before


async def test_redone_work_makes_the_same_ids(desk: Desk) -> None:
    source = desk.submitted()
    await desk.processor.process([source])
    (first,) = await desk.told()
    async with desk.db.transaction() as tx:
        await tx.execute("TRUNCATE persons, identifications, outbox, inbox CASCADE")

    await desk.processor.process([source])

    (second,) = await desk.told()
    assert second.envelope.id == first.envelope.id
    assert second.event.subject_ref == first.event.subject_ref


async def test_same_referral_under_another_event_id_is_told_once(desk: Desk) -> None:
    source = desk.submitted()
    referral = decode({name: value.decode() for name, value in source.headers}, source.value).event
    await desk.processor.process([source])
    await desk.processor.process([source_of_event(referral, offset=1)])
    assert len(await desk.told()) == 1
    assert await desk.rows("SELECT * FROM dead_letters") == []


@pytest.mark.parametrize(
    "spelling",
    [
        {"first_name": "CAMILLE", "last_name": "exemple"},
        {"last_name": " Éxemple "},
        {"phone": None},
        {"email": None, "phone": "+33 (0)6.39.98.00.00"},
    ],
)
async def test_same_person_twice_has_one_reference(desk: Desk, spelling: dict[str, Any]) -> None:
    from_first = desk.submitted()
    from_second = desk.submitted({**described_again(), **spelling})
    await desk.processor.process([from_first])
    await desk.processor.process([from_second])

    first, second = identified(await desk.told())
    assert second.subject_ref == first.subject_ref
    assert (first.outcome, second.outcome) == ("pre_registered", "matched")
    assert (first.aggregate_version, second.aggregate_version) == (1, 2)


@pytest.mark.parametrize("other", [{"birth_date": "1987-04-10"}, {"first_name": "Camilla"}])
async def test_another_person_has_another_reference(desk: Desk, other: dict[str, Any]) -> None:
    await desk.processor.process([desk.submitted(), desk.submitted({**described_again(), **other})])
    first, second = identified(await desk.told())
    assert first.subject_ref != second.subject_ref


async def test_nobody_of_the_sandbox_is_taken_for_somebody_real(desk: Desk) -> None:
    """Nor for somebody of another referrer's sandbox; within one, the same person is found again."""
    sources = [desk.submitted(), desk.submitted(sandbox=True), desk.submitted(sandbox=True)]
    other = submitted()
    other = other.model_copy(
        update={"routing": other.routing.model_copy(update={"referrer_organisation_id": UUID(int=7)})}
    )
    desk.referrals.claims[str(other.referral_id)] = {
        **next(iter(desk.referrals.claims.values())), "referral_id": str(other.referral_id), "sandbox": True
    }  # fmt: skip
    for source in [*sources, source_of_event(other)]:
        await desk.processor.process([source])

    real, fake, again, elsewhere = identified(await desk.told())
    assert fake.subject_ref == again.subject_ref
    assert len({real.subject_ref, fake.subject_ref, elsewhere.subject_ref}) == 3


async def test_referrals_of_one_person_at_once_make_one_person(desk: Desk) -> None:
    sources = [desk.submitted() for _ in range(8)]
    await asyncio.gather(*(desk.processor.process([source]) for source in sources))

    told = identified(await desk.told())
    assert len(told) == 8
    assert len({event.subject_ref for event in told}) == 1
    assert sorted(event.aggregate_version for event in told) == list(range(1, 9))
    assert [event.outcome for event in told].count("pre_registered") == 1
    # Positions follow versions: whoever reads the topic sees the person's story in order.
    assert [event.aggregate_version for event in told] == list(range(1, 9))


async def test_second_of_two_at_once_waits_and_finds_what_the_first_added(desk: Desk) -> None:
    source = desk.submitted()
    decoded = decode({name: value.decode() for name, value in source.headers}, source.value)
    assert isinstance(decoded.event, ReferralSubmitted)
    cause = Cause(decoded.event, decoded.envelope)
    described = Described(Identity("Camille", "Exemple", date(1987, 4, 9)), Contact())
    now, vault = desk.runtime.clock.now(), desk.runtime.vault()

    def persons(tx: Any) -> PostgresPersons:
        return PostgresPersons(tx, vault, cause, now)

    async def second() -> UUID:
        async with desk.db.transaction() as tx:
            return (await persons(tx).find_or_add(described, UUID(int=2))).registration.subject_ref

    async with desk.db.transaction() as tx:
        await persons(tx).find_or_add(described, UUID(int=1))
        waiting = asyncio.create_task(second())
        while not await desk.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # locks ring no bell
            await asyncio.sleep(0.01)
    assert await waiting == UUID(int=1)


async def test_batches_that_meet_in_opposite_orders_all_end(desk: Desk) -> None:
    people = [{**described_again(), "last_name": f"Exemple{letter}"} for letter in "abcdefgh"]
    forwards = [desk.submitted(person) for person in people]
    backwards = [desk.submitted(person) for person in reversed(people)]
    await asyncio.gather(desk.processor.process(forwards), desk.processor.process(backwards))

    told = identified(await desk.told())
    assert len(told) == 16
    assert len({event.subject_ref for event in told}) == 8
    assert await desk.rows("SELECT * FROM dead_letters") == []


async def test_nothing_is_parked_while_the_referrals_service_is_down(desk: Desk) -> None:
    sources = [desk.submitted() for _ in range(3)]
    desk.referrals.away = True
    # 30 tries: what 30 seconds at one try a second come to.
    for _ in range(30):
        with pytest.raises(DependencyDown):
            await desk.processor.process(sources)
    for table in ("dead_letters", "inbox", "persons", "outbox"):
        assert await desk.rows(f"SELECT * FROM {table}") == []

    desk.referrals.away = False
    await desk.processor.process(sources)

    assert len(await desk.told()) == 3
    assert await desk.rows("SELECT * FROM dead_letters") == []


async def test_refused_credentials_wait_and_turn_readiness_red(desk: Desk) -> None:
    source = desk.submitted()
    desk.referrals.refuses = True
    with pytest.raises(DependencyDown):
        await desk.processor.process([source])
    assert desk.client.check() is not None
    assert await desk.rows("SELECT * FROM dead_letters") == []

    desk.referrals.refuses = False
    await desk.processor.process([source])
    assert desk.client.check() is None


async def test_a_referral_that_is_not_there_costs_only_itself(desk: Desk) -> None:
    lost = desk.submitted(referral_id="00000000-0000-0000-0000-000000000000")

    await desk.processor.process([desk.submitted(), lost, desk.submitted()])

    assert len(await desk.told()) == 2
    assert [row["cause"] for row in await desk.rows("SELECT cause FROM dead_letters")] == ["Transient"]


async def test_answer_older_than_the_event_is_waited_for(desk: Desk) -> None:
    source = desk.submitted(version=0)
    with pytest.raises(DependencyDown):
        await desk.processor.process([source])
    assert await desk.rows("SELECT * FROM dead_letters") == []


async def test_newer_answer_is_used(desk: Desk) -> None:
    await desk.processor.process([desk.submitted(version=4, status="accepted")])
    assert len(await desk.told()) == 1


@pytest.mark.parametrize("ended", [{"status": "withdrawn", "version": 2}, {"gone": True}])
async def test_withdrawn_or_erased_referral_has_no_effect(desk: Desk, ended: dict[str, Any]) -> None:
    await desk.processor.process([desk.submitted(**ended), desk.submitted()])
    assert len(await desk.told()) == 1
    assert len(await desk.rows("SELECT * FROM persons")) == 1
    assert await desk.rows("SELECT * FROM dead_letters") == []


async def test_large_batch_is_asked_for_by_hundreds(desk: Desk) -> None:
    sources = [desk.submitted({**described_again(), "last_name": f"Exemple{n}"}) for n in range(250)]
    await desk.processor.process(sources)
    asked = [len(question.url.params.get_list("id")) for question in desk.referrals.questions]
    assert sorted(asked) == [50, 100, 100]
    assert len(await desk.told()) == 250


async def test_later_events_of_a_referral_need_no_claim_check(desk: Desk) -> None:
    await desk.processor.process([source_of_event(received(submitted().referral_id))])
    assert desk.referrals.questions == []


def described_again() -> dict[str, Any]:
    return {
        "first_name": "Camille", "last_name": "Exemple", "birth_date": "1987-04-09",
        "phone": "06 39 98 00 00", "email": "camille@exemple.test", "address": None,
    }  # fmt: skip
