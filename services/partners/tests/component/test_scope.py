"""What a stream takes beside its territory: the types asked for, and nobody who was erased."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from chassis.clock import SystemClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.outbox import Doorbell
from chassis.records import Source
from chassis.testing.events import AT, example, source_of_event
from maillage_contracts import (
    AppointmentBooked,
    Event,
    PersonErased,
    PersonIdentified,
    ReferralAccepted,
    ReferralMoved,
    ReferralOpened,
    ReferralReceived,
    ReferralSubmitted,
    Routing,
    topic_for,
)
from partners.adapters.subscribers import subscriptions

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

PREFIX = "fr.maillage."


async def tell(db: Database, *events: Event) -> list[str]:
    """Project the events one after another; return their ids."""
    clock, sources = SystemClock(), [source_of_event(event) for event in events]
    by_topic = {one.topic: Processor("partners", one, db, clock, Doorbell()) for one in subscriptions(clock)}
    for event, source in zip(events, sources, strict=True):
        await by_topic[topic_for(event).name].process([source])
    return [_id_of(source) for source in sources]


def _id_of(source: Source) -> str:
    return next(value.decode() for name, value in source.headers if name == "ce_id" and value)


class Story:
    """A referral's events, and those of what follows from it."""

    def __init__(self, commune: str = "93048", referrer: str | None = None) -> None:
        self.referral, self.person = uuid4(), uuid4()
        self.routing = Routing(
            commune=commune,
            referrer_organisation_id=UUID(referrer) if referrer else uuid4(),
            receiver_organisation_id=uuid4(),
            sender_kind="association",
        )

    def submitted(self) -> Event:
        return example(ReferralSubmitted, referral_id=self.referral, routing=self.routing, aggregate_version=1)

    def accepted(self, version: int = 2) -> Event:
        return example(ReferralAccepted, referral_id=self.referral, routing=self.routing, aggregate_version=version)

    def identified(self) -> Event:
        return example(
            PersonIdentified, subject_ref=self.person, referral_id=self.referral, routing=self.routing,
            aggregate_version=1,
        )  # fmt: skip

    def moved(self, commune: str, version: int = 2) -> Event:
        """The person lives elsewhere from now on: what follows says so."""
        before, self.routing = self.routing.commune, self.routing.model_copy(update={"commune": commune})
        return example(
            ReferralMoved, referral_id=self.referral, routing=self.routing, aggregate_version=version,
            previous_commune=before,
        )  # fmt: skip

    def booked(self) -> Event:
        return example(
            AppointmentBooked, appointment_id=uuid4(), subject_ref=self.person, referral_id=self.referral,
            routing=self.routing,
        )  # fmt: skip

    def erased(self) -> Event:
        return PersonErased(subject_ref=self.person, aggregate_version=2, erased_at=AT)


async def stream_of(db: Database, code: str) -> list[tuple[str, dict[str, Any]]]:
    """Return an organisation's stream: the end of each type, and the event."""
    async with db.connection() as tx:
        rows = await tx.fetch(
            "SELECT ce_type, payload FROM stream_events JOIN partner_stream USING (organisation_id)"
            " WHERE code = $1 ORDER BY position",
            code,
        )
    return [(row["ce_type"].split(".")[-2], json.loads(row["payload"])) for row in rows]


async def types_of(db: Database, code: str) -> list[str]:
    return [name for name, _ in await stream_of(db, code)]


async def test_stream_takes_only_the_types_that_its_organisation_asks_for(service: Service, db: Database) -> None:
    council = await service.organisation("cd93", collectivities=["93D"])
    own = await service.client_of("cd93")
    # An event is explained by the copies that streams hold: its referrer has one.
    story = Story(referrer=(await service.organisation("asso1", "association"))["organisation_id"])

    async def choose(*types: str) -> Any:
        body = {"event_types": list(types) or None}
        return await service.http.put("/event-types", headers=own, json=body)

    chosen = await choose("referrals.referral.accepted.v1", "registration.appointment.*")
    assert chosen.status_code == 200, chosen.text
    assert f"{PREFIX}registration.appointment.booked.v1" in chosen.json()["event_types"]
    assert chosen.json()["version"] == council["version"] + 1
    assert (await choose("referrals.referral.accepted.v1", "registration.appointment.*")).json() == chosen.json()
    # A change of the rest keeps the list; it is told to the other services with the organisation.
    kept = await service.organisation("cd93", collectivities=["93D"], communes=["94028"])
    assert kept["event_types"] == chosen.json()["event_types"]

    unasked, told = await tell(db, story.submitted(), story.accepted())
    await tell(db, story.identified(), story.booked())
    assert await types_of(db, "cd93") == ["accepted", "booked"]
    why = (await service.http.get("/explanations", params={"event_id": unasked}, headers=own)).json()
    assert (why["code"], why["received"]) == ("event_types", False)
    assert (await service.http.get("/explanations", params={"event_id": told}, headers=own)).json()["received"]

    # From now on only: what was left out before is not caught up, and the erasure is always told.
    assert (await choose()).json()["event_types"] is None
    await tell(db, story.booked(), story.erased())
    assert await types_of(db, "cd93") == [*["event_erased"] * 3, "erased"]
    refused = await choose("referrals.referral.acepted.v1")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_type")
    async with db.connection() as tx:
        acts = await tx.fetch("SELECT purpose FROM audit WHERE purpose = 'organisation.event_types_chosen'")
    assert len(acts) == 2


async def test_a_choice_of_types_undoes_no_choice_that_its_maker_had_not_read(service: Service) -> None:
    await service.organisation("cd93", collectivities=["93D"])
    own = await service.client_of("cd93")
    read = (await service.http.get("/event-types", headers=own)).json()["version"]

    async def choose(name: str, version: int | None) -> Any:
        body = {"event_types": [name], "version": version}
        return await service.http.put("/event-types", headers=own, json=body)

    first = await choose("referrals.referral.accepted.v1", read)
    assert (first.status_code, first.json()["version"]) == (200, read + 1)
    late = await choose("referrals.referral.declined.v1", read)
    assert (late.status_code, late.json()["code"]) == (409, "changed_meanwhile")
    assert (await service.http.get("/event-types", headers=own)).json() == first.json()
    # Sent twice, the second finds its own choice; and who names no version means it.
    assert (await choose("referrals.referral.accepted.v1", read)).json() == first.json()
    assert (await choose("referrals.referral.declined.v1", None)).status_code == 200


async def test_narrowing_takes_back_a_referral_of_which_steps_alone_were_told(service: Service, db: Database) -> None:
    await service.organisation("cd93", collectivities=["93D"])
    await service.call("PUT", "/organisations/cd93/event-types", json={"event_types": ["registration.appointment.*"]})
    followed, never = Story(), Story()
    await tell(db, followed.submitted(), followed.booked(), never.submitted())

    await service.organisation("cd93", communes=["93066"])

    [_, (left, event)] = await stream_of(db, "cd93")
    assert (left, UUID(event["referral_id"])) == ("left_scope", followed.referral)


async def test_no_snapshot_brings_back_a_referral_of_somebody_who_was_erased(service: Service, db: Database) -> None:
    await service.organisation("cd93", collectivities=["93D"])
    gone, there = Story(), Story()
    for story in (gone, there):
        await tell(db, story.submitted(), story.identified())
    await tell(db, gone.erased())

    await service.organisation("programme1", communes=["93048"])
    await service.organisation("cd94", collectivities=["94D"])
    await service.organisation("cd94", collectivities=["94D"], communes=["93048"])
    for code in ("programme1", "cd94"):
        [(name, event)] = await stream_of(db, code)
        assert (name, UUID(event["referral_id"]), UUID(event["subject_ref"])) == (
            "snapshot",
            there.referral,
            there.person,
        )
    # Nor does leaving speak of them.
    await service.organisation("cd93", communes=["75056"])
    assert [event["referral_id"] for name, event in await stream_of(db, "cd93") if name == "left_scope"] == [
        str(there.referral)
    ]


async def test_snapshot_after_an_opening_says_where_the_referral_stands_once(service: Service, db: Database) -> None:
    story, since = Story(), AT - timedelta(hours=1)
    opened = example(
        ReferralOpened, referral_id=story.referral, routing=story.routing, aggregate_version=3, status="received",
        changed_at=since, opened_at=AT,
    )  # fmt: skip
    received = example(
        ReferralReceived, referral_id=story.referral, routing=story.routing, aggregate_version=2, received_at=since
    )
    sources = [source_of_event(one) for one in (story.submitted(), received, opened)]
    clock = SystemClock()
    await service.organisation("before", communes=["93048"])

    async def deliver() -> None:
        await Processor("partners", subscriptions(clock)[0], db, clock, Doorbell()).process(sources)

    await deliver()
    await service.organisation("cd93", collectivities=["93D"])
    # Read again, and after another change of the same territory.
    await deliver()
    await service.organisation("cd93", collectivities=["93D"], communes=["94028"])
    await tell(db, story.accepted(4))

    assert await types_of(db, "cd93") == ["snapshot", "accepted"]
    (_, snapshot), _ = await stream_of(db, "cd93")
    assert (snapshot["referral_id"], snapshot["status"]) == (str(story.referral), "received")
    # Opening moves the version, and nothing else: the status is as old as it was.
    assert snapshot["aggregate_version"] == 3
    assert datetime.fromisoformat(snapshot["changed_at"]) == since
    assert await types_of(db, "before") == ["submitted", "received", "opened", "accepted"]


async def test_nobody_hears_of_a_referral_after_its_person_was_erased(service: Service, db: Database) -> None:
    association = await service.organisation("asso1", "association")
    await service.organisation("cd93", collectivities=["93D"])
    own = await service.client_of("cd93")
    gone, there = (Story(referrer=association["organisation_id"]) for _ in range(2))
    for story in (gone, there):
        await tell(db, story.submitted(), story.identified())
    [before] = await tell(db, gone.accepted())
    await tell(db, gone.erased())
    digest = (await service.http.get("/feed/digest", headers=own)).json()["days"][-1]

    # Its own events do not say whose it is; those of another go on.
    later = example(ReferralReceived, referral_id=gone.referral, routing=gone.routing, aggregate_version=3)
    await tell(db, later, gone.booked(), gone.moved("93066", 4))
    assert (await service.http.get("/feed/digest", headers=own)).json()["days"][-1] == digest
    await tell(db, there.accepted())

    for code in ("cd93", "asso1"):
        assert str(gone.referral) not in str(await stream_of(db, code)), code
        named = [event["erased_type"] for name, event in await stream_of(db, code) if name == "event_erased"]
        assert [one.split(".")[-2] for one in named] == ["submitted", "identified", "accepted"], code
        assert (await types_of(db, code))[-2:] == ["erased", "accepted"], code
    why = (await service.http.get("/explanations", params={"event_id": before}, headers=own)).json()
    assert "person_erased" in [one["code"] for one in why["since"]], why


async def test_erasure_reaches_whoever_was_told_of_the_referral_alone(service: Service, db: Database) -> None:
    story = Story()
    await tell(db, story.submitted())
    await service.organisation("early", communes=["93048"])
    await service.organisation("late", communes=["93066"])
    await service.call("PUT", "/organisations/early/event-types", json={"event_types": ["referrals.referral.*"]})
    await tell(db, story.identified())
    await service.organisation("late", communes=["93066", "93048"])

    [(_, before)], [(_, after)] = await stream_of(db, "early"), await stream_of(db, "late")
    assert (before["subject_ref"], after["subject_ref"]) == (None, str(story.person))
    await tell(db, story.erased())

    assert await types_of(db, "early") == await types_of(db, "late") == ["event_erased", "erased"]


async def test_person_who_moves_leaves_one_territory_and_enters_another(service: Service, db: Database) -> None:
    association = await service.organisation("asso1", "association")
    await service.organisation("cd93", collectivities=["93D"])
    await service.organisation("metrolyon", collectivities=["69M"])
    await service.organisation("everywhere", communes=["93048", "69123"])
    await service.organisation("cd94", collectivities=["94D"])
    story, other, gone = (Story(referrer=association["organisation_id"]) for _ in range(3))
    for one in (story, other, gone):
        await tell(db, one.submitted())
    await tell(db, story.identified(), gone.identified(), gone.erased())
    late = other.identified()

    [moved] = await tell(db, story.moved("69123"))
    # The order in which other topics are read is nobody's: who the person is was told by where they lived.
    await tell(db, other.moved("69123"), late, gone.moved("69123"))
    received = example(ReferralReceived, referral_id=story.referral, routing=story.routing, aggregate_version=3)
    await tell(db, received)

    left = [event for name, event in await stream_of(db, "cd93") if name == "left_scope"]
    assert [(event["referral_id"], event["reason"]) for event in left] == [
        (str(one.referral), "moved") for one in (story, other)
    ]
    snapshots = [event for name, event in await stream_of(db, "metrolyon") if name == "snapshot"]
    assert [(one["referral_id"], one["reason"], one["subject_ref"]) for one in snapshots] == [
        (str(story.referral), "moved", str(story.person)),
        (str(other.referral), "moved", None),
    ]
    assert {one["routing"]["commune"] for one in snapshots} == {"69123"}
    assert await types_of(db, "metrolyon") == ["snapshot", "snapshot", "identified", "received"]
    assert (await types_of(db, "cd93")).count("identified") == 1, "of the one who was erased nothing is left"
    for code in ("everywhere", "asso1"):
        assert (await types_of(db, code)).count("moved") == 2
        assert not {"snapshot", "left_scope"} & set(await types_of(db, code))
    assert await types_of(db, "cd94") == []

    # What is known here follows: widening and narrowing go by where the person lives now, and the same is explained.
    await service.organisation("cd94", collectivities=["94D"], communes=["93048", "69123"])
    assert {event["referral_id"] for _, event in await stream_of(db, "cd94")} == {
        str(story.referral), str(other.referral)
    }  # fmt: skip
    own = await service.client_of("metrolyon")
    why = (await service.http.get("/explanations", params={"event_id": moved}, headers=own)).json()
    assert why["code"] == "entered"
    why = (await service.call("GET", f"/organisations/cd93/explanations?event_id={moved}")).json()
    assert why["code"] == "outside_territory"


async def test_person_who_comes_back_is_shown_once_each_time(service: Service, db: Database) -> None:
    await service.organisation("cd93", collectivities=["93D"])
    await service.organisation("metrolyon", collectivities=["69M"])
    story = Story()
    clock = SystemClock()
    batch = [source_of_event(one) for one in (
        story.submitted(), story.moved("69123"), story.moved("93066", 3), story.moved("93048", 4)
    )]  # fmt: skip
    # In one batch, and read twice.
    for _ in range(2):
        await Processor("partners", subscriptions(clock)[0], db, clock, Doorbell()).process(batch)

    assert await types_of(db, "cd93") == ["submitted", "left_scope", "snapshot", "moved"]
    assert await types_of(db, "metrolyon") == ["snapshot", "left_scope"]
    assert [event["aggregate_version"] for _, event in await stream_of(db, "cd93")] == [1, 2, 3, 4]
