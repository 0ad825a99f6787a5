"""The sandbox and the real world: no organisation of the one ever sees an event of the other."""

from __future__ import annotations

import json
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet

import territory as geography
from chassis.clock import SystemClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.outbox import Doorbell
from chassis.testing.events import AT, source_of_event
from chassis.token_format import REGISTRY
from maillage_contracts import OrganisationRegistered, ReferralSubmitted, Routing, decode
from maillage_contracts.sandbox import SIMULATORS
from partners.adapters.subscribers import subscriptions

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""

COMMUNES = tuple(sorted(commune.code for commune in geography.communes() if commune.departement in ("93", "984")))


async def organisation(service: Service, code: str, kind: str, *, sandbox: bool | None, **places: list[str]) -> Any:
    body = {
        "name": f"Exemple {code}", "kind": kind, "phone": "01 99 00 00 00", "postal_address": "1 rue de l’Exemple",
        "territory": places, "sandbox": sandbox,
    }  # fmt: skip
    return await service.call("PUT", f"/organisations/{code}", json=body)


async def world(service: Service) -> dict[str, UUID]:
    """A council of the whole of 93, one of some of it, an association and an agency: in each world."""
    ids = {}
    for prefix, sandbox in (("reel", False), ("bac", True)):
        for name, kind, places in (
            ("cd", "council", {"collectivities": ["93D"]}),
            ("ville", "council", {"communes": ["93048", "93010"]}),
            ("asso", "association", {}),
            ("ft", "employment_service", {"collectivities": ["93D"]}),
        ):
            answer = await organisation(service, prefix + name, kind, sandbox=sandbox, **places)
            assert answer.status_code == 201, answer.text
            assert answer.json()["sandbox"] is sandbox
            ids[prefix + name] = UUID(answer.json()["organisation_id"])
    return ids


async def test_simulators_come_with_the_first_organisation_of_the_sandbox(service: Service, db: Database) -> None:
    await organisation(service, "reelasso", "association", sandbox=None)
    before = (await service.call("GET", "/organisations")).json()["items"]
    for code in ("bacasso", "bacautre"):
        assert (await organisation(service, code, "association", sandbox=True)).status_code == 201

    listed = (await service.call("GET", "/organisations")).json()["items"]

    assert [one["code"] for one in before] == ["reelasso"]
    simulated = {one["code"]: one for one in listed if one["code"].startswith("sim")}
    assert simulated.keys() == {one.code for one in SIMULATORS}
    assert all(one["sandbox"] and one["email"] is None for one in simulated.values())
    async with db.connection() as tx:
        rows = await tx.fetch("SELECT headers::text, payload FROM outbox WHERE type LIKE '%organisation.registered%'")
    events = [decode(json.loads(row["headers"]), row["payload"]).event for row in rows]
    told = {e.code: e.sandbox for e in events if isinstance(e, OrganisationRegistered)}
    assert told == {one["code"]: one["code"] != "reelasso" for one in listed}
    refused = await organisation(service, "simaccepte", "council", sandbox=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "code_reserved")


async def test_world_never_changes_is_in_the_tokens_and_has_its_own_councils(service: Service) -> None:
    keys = KeySet.import_key_set((await service.http.get("/.well-known/jwks.json")).json())
    for code, sandbox in (("bacasso", True), ("reelasso", False)):
        await organisation(service, code, "association", sandbox=sandbox)
        header = await service.client_of(code)
        claims = jwt.decode(header["authorization"].removeprefix("Bearer "), keys, registry=REGISTRY).claims
        assert claims.get("sandbox", False) is sandbox

    kept = await organisation(service, "bacasso", "association", sandbox=None)
    refused = await organisation(service, "bacasso", "association", sandbox=False)
    assert (kept.status_code, kept.json()["sandbox"], kept.json()["version"]) == (200, True, 1)
    assert (refused.status_code, refused.json()["code"]) == (409, "sandbox_immutable")

    for code, sandbox, status in (("reel", False, 201), ("bac", True, 201), ("reel2", False, 409), ("bac2", True, 409)):
        answer = await organisation(service, code, "council", sandbox=sandbox, collectivities=["93D"])
        assert answer.status_code == status, code


async def test_council_that_joins_the_sandbox_is_shown_no_open_referral_of_the_real_world(
    service: Service, db: Database
) -> None:
    ids = {}
    for code, sandbox in (("reelasso", False), ("bacasso", True)):
        ids[code] = UUID((await organisation(service, code, "association", sandbox=sandbox)).json()["organisation_id"])
    referrals = {code: submission(id_, "93048") for code, id_ in ids.items()}
    await read(db, list(referrals.values()))

    for code, sandbox in (("reelcd", False), ("baccd", True)):
        await organisation(service, code, "council", sandbox=sandbox, collectivities=["93D"])

    seen = await streams(db)
    assert seen["reelcd"] == {referrals["reelasso"].referral_id}
    assert seen["baccd"] == {referrals["bacasso"].referral_id}


def submission(referrer: UUID, commune: str, employment: UUID | None = None) -> ReferralSubmitted:
    return ReferralSubmitted(
        referral_id=uuid4(),
        aggregate_version=1,
        routing=Routing(
            commune=commune,
            referrer_organisation_id=referrer,
            receiver_organisation_id=uuid4(),
            sender_kind="association",
            employment_organisation_id=employment,
        ),
        themes=("numerique--acceder-a-une-connexion-internet",),
        submitted_at=AT,
    )


async def read(db: Database, events: list[ReferralSubmitted]) -> None:
    clock = SystemClock()
    (processor,) = [
        Processor("partners", one, db, clock, Doorbell())
        for one in subscriptions(clock)
        if one.topic == "referrals-referral-v1"
    ]
    await processor.process([source_of_event(event) for event in events])


async def streams(db: Database) -> dict[str, set[UUID]]:
    async with db.connection() as tx:
        rows = await tx.fetch("SELECT code, subject FROM stream_events JOIN partner_stream USING (organisation_id)")
    found: dict[str, set[UUID]] = {}
    for row in rows:
        found.setdefault(row["code"], set()).add(UUID(row["subject"]))
    return found


async def test_no_stream_ever_holds_an_event_of_the_other_world(service: Service, db: Database) -> None:
    """Whatever the commune, and whoever an event names, in batches that mix both worlds."""
    ids = await world(service)
    ids |= {
        one["code"]: UUID(one["organisation_id"])
        for one in (await service.call("GET", "/organisations")).json()["items"]
    }
    sandboxed = {id_ for code, id_ in ids.items() if not code.startswith("reel")}
    referrers = [ids["reelasso"], ids["bacasso"], uuid4()]
    # An event may name anybody, by a fault of whoever wrote it: the world of the referrer still decides.
    named = [ids["reelft"], ids["bacft"], ids["simemploioui"], None]
    batches = st.lists(
        st.builds(submission, st.sampled_from(referrers), st.sampled_from(COMMUNES), st.sampled_from(named)),
        min_size=1, max_size=12,
    )  # fmt: skip
    told: dict[UUID, UUID] = {}
    drawn: list[list[ReferralSubmitted]] = []

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(batches)
    def draw(batch: list[ReferralSubmitted]) -> None:
        drawn.append(batch)

    draw()
    for batch in drawn:
        told |= {event.referral_id: event.routing.referrer_organisation_id for event in batch}
        await read(db, batch)

    seen = await streams(db)
    assert {"reelcd", "baccd", "reelasso", "bacasso", "reelft", "bacft"} <= seen.keys()
    for code, referrals in seen.items():
        for referral_id in referrals:
            assert (told[referral_id] in sandboxed) is (ids[code] in sandboxed), code
