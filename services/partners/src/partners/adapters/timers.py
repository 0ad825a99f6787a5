"""What partners look at again at a given time: requests to join."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from chassis.crypto import Vault
from chassis.db import Tx
from chassis.timers import OnTimer
from partners.adapters.join_events import OutboxJoinPublisher
from partners.adapters.postgres.join_requests import TIMER, PostgresJoinRequests
from partners.app.expire_join_request import expire_join_request


def timers(vault: Vault) -> Mapping[str, OnTimer]:
    """Return what each kind of timer does."""

    async def join_request_due(tx: Tx, join_request_id: UUID, at: datetime) -> None:
        await expire_join_request(PostgresJoinRequests(tx, vault), OutboxJoinPublisher(tx, at), join_request_id, at)

    return {TIMER: join_request_due}
