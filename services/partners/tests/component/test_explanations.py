"""`GET /explanations` on what a real projection stored."""

from __future__ import annotations

import random
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from chassis.clock import SystemClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.outbox import Doorbell
from chassis.records import Source
from chassis.testing.events import AT, example, source_of_event
from maillage_contracts import (
    AppointmentMissed,
    EnrolmentRequested,
    Event,
    PersonErased,
    PersonIdentified,
    ReferralSubmitted,
    Routing,
)
from partners.adapters.subscribers import subscriptions

from .reading import Service, id_of, project, referral

Organisations: TypeAlias = dict[str, dict[str, Any]]

MODELS: tuple[type[Event], ...] = (ReferralSubmitted, PersonIdentified, AppointmentMissed, EnrolmentRequested)
COMMUNES = ("93048", "94028", "75056")


async def project_all(db: Database, sources: list[Source]) -> None:
    """Handle records of several topics, each topic in its order."""
    clock = SystemClock()
    for one in subscriptions(clock):
        mine = [source for source in sources if source.topic == one.topic]
        if mine:
            await Processor("partners", one, db, clock, Doorbell()).process(mine)


def random_events(organisations: Organisations, count: int) -> list[Source]:
    """Events with random places and parties, some of them of persons who are erased in the end."""
    chance = random.Random(94)
    ids = [UUID(one["organisation_id"]) for one in organisations.values()]
    persons = [uuid4() for _ in range(6)]
    made: list[Event] = []
    for n in range(count):
        model = MODELS[n % len(MODELS)]
        routing = Routing(
            commune=COMMUNES[n % len(COMMUNES)],
            referrer_organisation_id=ids[2] if n < 3 else chance.choice(ids),
            receiver_organisation_id=chance.choice(ids),
            sender_kind="association",
            employment_organisation_id=ids[3] if n == 2 else chance.choice([None, *ids]),
            # Somebody of each kind is named at least once.
            training_organisation_id=ids[4] if n == 3 else chance.choice([None, *ids]),
        )
        changes: dict[str, Any] = {"routing": routing.model_dump(), model.aggregate_field: uuid4()}
        if "subject_ref" in model.model_fields:
            changes["subject_ref"] = chance.choice(persons)
        made.append(example(model, **changes))
    made += [PersonErased(subject_ref=one, aggregate_version=99, erased_at=AT) for one in persons[:2]]
    # Not of this minute, as a UUIDv7 would be: unknown is all there is to say.
    return [source_of_event(one, event_id=uuid4()) for one in made]


async def test_every_event_is_explained_as_it_was_projected(service: Service, db: Database) -> None:
    organisations: Organisations = {
        "cd93": await service.organisation("cd93", collectivities=["93D"]),
        "cd94": await service.organisation("cd94", collectivities=["94D"]),
        "asso1": await service.organisation("asso1", "association"),
        "emploi1": await service.organisation("emploi1", "employment_service"),
        "forme1": await service.organisation("forme1", "training_provider"),
    }
    sources = random_events(organisations, 16)
    await project_all(db, sources)
    async with db.connection() as tx:
        rows = await tx.fetch(
            "SELECT s.code, e.event_id FROM stream_events e JOIN partner_stream s USING (organisation_id)"
        )
    held = {(row["code"], str(row["event_id"])) for row in rows}
    assert len({code for code, _ in held}) == 5

    codes: dict[str, set[str]] = {"received": set(), "not": set()}
    for code in organisations:
        own = await service.client_of(code)
        nothing = (await service.http.get(f"/explanations?event_id={uuid4()}", headers=own)).json()
        for event_id in map(id_of, sources):
            told = (await service.call("GET", f"/organisations/{code}/explanations?event_id={event_id}")).json()
            mine = (await service.http.get(f"/explanations?event_id={event_id}", headers=own)).json()
            received = (code, event_id) in held
            assert told["received"] is mine["received"] is received
            codes["received" if received else "not"].add(told["code"])
            if not received:
                assert mine == {**nothing, "event_id": event_id}
    assert codes["received"] == {"received"}
    assert codes["not"] >= {"outside_territory", "not_named", "type_withheld", "person_untold"}


async def test_own_event_is_explained_with_what_was_masked_and_what_became_of_it(
    service: Service, db: Database
) -> None:
    association = await service.organisation("asso1", "association")
    await service.organisation("cd93", collectivities=["93D"])
    own = await service.client_of("asso1")
    council = await service.client_of("cd93")
    source = referral(association)
    identified = source_of_event(
        example(
            PersonIdentified,
            routing=Routing(
                commune="93048",
                referrer_organisation_id=association["organisation_id"],
                receiver_organisation_id=uuid4(),
                sender_kind="association",
            ).model_dump(),
        )
    )
    await project(db, [source])
    await project_all(db, [identified])
    types = ["fr.maillage.registration.person.identified.v1"]
    made = await service.http.post(
        "/webhooks", headers=own, json={"url": "http://127.0.0.1:9/hook", "event_types": types, "since": AT.isoformat()}
    )
    assert made.status_code == 201, made.text
    async with db.connection() as tx:
        await tx.execute("UPDATE webhooks SET position = 0, state = 'paused'")
    await service.call("PUT", "/organisations/cd93/territory", json={"communes": ["94028"]})

    async def explained(headers: dict[str, str], which: Source) -> dict[str, Any]:
        answer = await service.http.get("/explanations", params={"event_id": id_of(which)}, headers=headers)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    first, second = await explained(own, source), await explained(own, identified)
    assert [first["sequence"], second["sequence"]] == ["1", "2"]
    assert [first["masked"], second["masked"]] == [[], ["outcome", "aggregate_version"]]
    assert [one["webhooks"][0]["code"] for one in (first, second)] == ["filtered", "paused"]
    left = await explained(council, source)
    assert [(one["code"], one["sequence"]) for one in left["since"]] == [("left_scope", "3")]
    assert (await explained(council, identified))["masked"] == []


async def test_only_operators_ask_for_others_and_only_partners_for_themselves(service: Service) -> None:
    await service.organisation("asso1", "association")
    own = await service.client_of("asso1")

    refused = await service.http.get(f"/organisations/asso1/explanations?event_id={uuid4()}", headers=own)
    absent = await service.call("GET", f"/organisations/nobody/explanations?event_id={uuid4()}")
    wrong = await service.http.get("/explanations?event_id=x", headers=own)

    assert [refused.status_code, absent.status_code, wrong.status_code] == [403, 404, 422]
