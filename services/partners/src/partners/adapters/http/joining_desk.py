"""What the routes of joining share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from chassis.crypto import Vault
from chassis.db import Tx
from chassis.problems import Problem, Said
from partners.adapters.http.organisations import organisation_desk
from partners.adapters.join_events import OutboxJoinPublisher
from partners.adapters.partner_listener import PartnerListener
from partners.adapters.postgres.join_requests import PostgresJoinRequests
from partners.adapters.postgres.organisations import PostgresMembers
from partners.adapters.throttle import Throttle
from partners.app.joining_ports import JoinDesk


@dataclass(frozen=True, slots=True)
class JoiningDesk:
    """Builds what a request needs in its transaction."""

    vault: Vault
    asked: Throttle
    listener: PartnerListener
    """Where partners reach Kafka."""
    address_told: str
    """Where partners reach this service; empty for wherever a request came to."""
    wake: Callable[[], None]
    """Says that an access to Kafka may have been asked for."""

    def requests(self, tx: Tx) -> PostgresJoinRequests:
        return PostgresJoinRequests(tx, self.vault)

    def answering(self, tx: Tx, at: datetime) -> JoinDesk:
        return JoinDesk(self.requests(tx), OutboxJoinPublisher(tx, at), organisation_desk(tx, at), PostgresMembers(tx))

    def public_url(self, request: Request) -> str:
        return (self.address_told or str(request.base_url)).rstrip("/")

    def spare(self, asker: str) -> None:
        """Count a request; raises 429 for one too many from the same place."""
        wait = self.asked.wait_seconds("join", asker)
        if wait:
            raise Problem(
                429,
                "too_many_requests",
                Said("Trop de demandes d’ici ; réessayez plus tard.", "Too many requests from here; come back later."),
                headers={"retry-after": str(wait)},
            )
        self.asked.failed("join", asker)
