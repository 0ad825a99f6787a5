"""A council with a webhook, receivers as partners write them, and events of referrals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import httpx
import pytest

from chassis.clock import MovableClock, SystemClock
from chassis.consumer import Processor
from chassis.db import Database
from chassis.outbox import Doorbell
from chassis.records import Source
from chassis.testing.events import AT, source_of_event
from chassis.testing.receivers import Receiver, receiving
from maillage_contracts import ReferralReceived, ReferralReviewStarted, ReferralSubmitted, Routing
from partners.adapters.subscribers import subscriptions

Service: TypeAlias = Any


@dataclass
class World:
    """A running service whose clock tests move, an association that refers and a council that listens."""

    service: Service
    db: Database
    clock: MovableClock
    association: UUID

    async def call(self, method: str, path: str = "", *, code: str = "cd93", **options: Any) -> httpx.Response:
        """Call a webhook route, as an operator: their token is as fresh as the clock wants it."""
        found: httpx.Response = await self.service.call(method, f"/organisations/{code}/webhooks{path}", **options)
        return found

    async def webhook(self, receiver: Receiver, *, code: str = "cd93", **body: Any) -> dict[str, Any]:
        """Create a webhook and let its address answer the challenge."""
        created = await self.call("POST", code=code, json={"url": receiver.url, **body})
        assert created.status_code == 201, created.text
        webhook: dict[str, Any] = created.json()
        active = await self.call("POST", f"/{webhook['webhook_id']}/verification", code=code)
        assert (active.status_code, active.json().get("state")) == (200, "active"), active.text
        return webhook

    async def shown(self, webhook: dict[str, Any], *, code: str = "cd93") -> dict[str, Any]:
        """Return the webhook as it stands."""
        found: dict[str, Any] = (await self.call("GET", f"/{webhook['webhook_id']}", code=code)).json()
        return found

    async def log(self, webhook: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
        """Return the delivery log, newest first, without the challenge."""
        answer = await self.call("GET", f"/{webhook['webhook_id']}/deliveries", params=params)
        return [line for line in answer.json()["items"] if line["kind"] != "challenge"]

    def referral(self, commune: str = "93048") -> list[Source]:
        """Return three events of one new referral."""
        common: dict[str, Any] = {
            "referral_id": uuid4(),
            "routing": Routing(
                commune=commune,
                referrer_organisation_id=self.association,
                receiver_organisation_id=uuid4(),
                sender_kind="association",
            ),
        }
        themes = ("numerique--acceder-a-une-connexion-internet",)
        events = (
            ReferralSubmitted(**common, aggregate_version=1, themes=themes, submitted_at=AT),
            ReferralReceived(**common, aggregate_version=2, received_at=AT),
            ReferralReviewStarted(**common, aggregate_version=3, started_at=AT),
        )
        return [source_of_event(event) for event in events]

    async def project(self, *sources: Sequence[Source]) -> None:
        """Handle records as another replica would: its commits ring no bell of the service under test."""
        together = [source for some in sources for source in some]
        for subscription in subscriptions(SystemClock()):
            processor = Processor("partners", subscription, self.db, SystemClock(), Doorbell())
            await processor.process([source for source in together if source.topic == subscription.topic])

        await self.ring()

    async def ring(self) -> None:
        """Let the service commit something, so that its bell is rung and no test waits for a tick."""
        await self.service.organisation("asso1", "association")

    async def advance(self, step: timedelta) -> None:
        """Move the clock, and let the service look at it."""
        self.clock.advance(step)
        await self.ring()

    async def stream(self, code: str = "cd93") -> list[str]:
        """Return the ids of the organisation's stream, in its order."""
        async with self.db.connection() as tx:
            rows = await tx.fetch(
                "SELECT event_id FROM stream_events JOIN partner_stream USING (organisation_id)"
                " WHERE code = $1 ORDER BY position",
                code,
            )
        return [str(row["event_id"]) for row in rows]

    async def until(self, question: Callable[[], bool]) -> None:
        """Wait until the answer is yes."""

        async def asked() -> bool:
            return question()

        await self.service.until(asked)

    async def until_state(self, webhook: dict[str, Any], **wanted: Any) -> None:
        """Wait until the webhook shows this."""

        async def asked() -> bool:
            shown = await self.shown(webhook)
            return all(shown[name] == value for name, value in wanted.items())

        await self.service.until(asked)


@pytest.fixture
async def world(
    run_partners: Callable[..., AbstractAsyncContextManager[Service]], db: Database
) -> AsyncIterator[World]:
    clock = MovableClock(datetime.now(UTC))
    async with run_partners(clock=clock) as service:
        association = await service.organisation("asso1", "association")
        found = World(service, db, clock, UUID(association["organisation_id"]))
        await service.organisation("cd93", collectivities=["93D"])
        yield found


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found
