"""A webhook from its creation to its first events, and what an organisation does with it: on the running service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from chassis.clock import SystemClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.outbox import Doorbell
from chassis.records import Source
from chassis.testing.events import AT, source_of_event
from chassis.testing.receivers import Receiver, receiving
from maillage_contracts import ReferralReceived, ReferralSubmitted, Routing
from partners.adapters.subscribers import subscriptions

Service: TypeAlias = Any


def referral(association: dict[str, Any], commune: str = "93048") -> list[Source]:
    """Return two events of one new referral."""
    common: dict[str, Any] = {
        "referral_id": uuid4(),
        "routing": Routing(
            commune=commune,
            referrer_organisation_id=association["organisation_id"],
            receiver_organisation_id=uuid4(),
            sender_kind="association",
        ),
    }
    first = ReferralSubmitted(
        **common,
        aggregate_version=1,
        themes=("numerique--acceder-a-une-connexion-internet",),
        submitted_at=AT,
    )
    return [source_of_event(first), source_of_event(ReferralReceived(**common, aggregate_version=2, received_at=AT))]


async def project(db: Database, sources: Sequence[Source]) -> None:
    processor = Processor("partners", subscriptions(SystemClock())[0], db, SystemClock(), Doorbell())
    await processor.process(sources)


@pytest.fixture
async def association(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = await service.organisation("asso1", "association")
    return found


@pytest.fixture
async def council(service: Service, association: dict[str, Any]) -> dict[str, str]:
    """The header with which the council manages its webhooks."""
    await service.organisation("cd93", collectivities=["93D"])
    headers: dict[str, str] = await service.client_of("cd93")
    return headers


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


async def made(service: Service, headers: dict[str, str], receiver: Receiver, **body: Any) -> dict[str, Any]:
    """Create a webhook and let its address answer the challenge."""
    created = await service.http.post("/webhooks", json={"url": receiver.url, **body}, headers=headers)
    assert created.status_code == 201, created.text
    webhook: dict[str, Any] = created.json()
    active = await service.http.post(f"/webhooks/{webhook['webhook_id']}/verification", headers=headers)
    assert (active.status_code, active.json().get("state")) == (200, "active"), active.text
    return webhook


async def feed_ids(service: Service, headers: dict[str, str]) -> list[str]:
    page = (await service.http.get("/feed", params={"limit": 500}, headers=headers)).json()
    return [event["id"] for event in page["events"]]


async def test_projected_event_arrives_signed_as_the_feed_has_it(
    service: Service, db: Database, association: dict[str, Any], council: dict[str, str], receiver: Receiver
) -> None:
    webhook = await made(service, council, receiver)

    await project(db, referral(association))

    async def arrived() -> bool:
        return len(receiver.events()) >= 2

    await service.until(arrived)
    page = (await service.http.get("/feed", headers=council)).json()
    assert receiver.events() == page["events"]
    for seen in receiver.accepted[1:]:
        Webhook(webhook["secret"]).verify(seen.body, seen.headers)
        assert seen.headers["webhook-id"] == seen.event["id"]
        assert seen.headers["content-type"].startswith("application/cloudevents+json")
