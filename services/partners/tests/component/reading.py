"""What the tests of the readings share: a referral's event, its projection by another replica, a page of the feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import uuid4

from chassis.clock import Clock, SystemClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.outbox import Doorbell
from chassis.records import Source
from chassis.testing.events import AT, source_of_event
from maillage_contracts import ReferralSubmitted, Routing
from maillage_contracts.kafka import PartnerTopic, consumer_settings
from partners.adapters.subscribers import subscriptions

Service: TypeAlias = Any
"""conftest.Service: test folders are no packages."""


def referral(association: dict[str, Any], commune: str = "93048", at: datetime = AT) -> Source:
    routing = Routing(
        commune=commune,
        referrer_organisation_id=association["organisation_id"],
        receiver_organisation_id=uuid4(),
        sender_kind="association",
    )
    event = ReferralSubmitted(
        referral_id=uuid4(),
        aggregate_version=1,
        routing=routing,
        themes=("numerique--acceder-a-une-connexion-internet",),
        submitted_at=AT,
    )
    return source_of_event(event, at=at)


def id_of(source: Source) -> str:
    return next(value.decode() for name, value in source.headers if name == "ce_id" and value)


async def project(db: Database, sources: Sequence[Source], clock: Clock | None = None) -> None:
    """Handle records as another replica would: its commits ring no bell of the service under test."""
    clock = clock or SystemClock()
    processor = Processor("partners", subscriptions(clock)[0], db, clock, Doorbell())
    await processor.process(sources)


def read_with_the_library(told: dict[str, Any], count: int, start_at: int | datetime | None = None) -> list[str]:
    """Read so many events of a topic as a partner does with our own package; return their ids."""
    code = told["username"].removeprefix("partner-")
    settings = consumer_settings(told["bootstrap"], code, told["password"], protocol=told["security_protocol"])
    found: list[str] = []
    with PartnerTopic(code, settings, start_at=start_at) as topic:
        for record in topic:
            assert record.decoded is not None, record.trouble
            found.append(record.id)
            if len(found) == count:
                break
    return found


async def read(service: Service, headers: dict[str, str], **params: Any) -> dict[str, Any]:
    answer = await service.http.get("/feed", params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page
