"""Withdraw an API client: no token is issued to it any more, and those it has are refused everywhere by event."""

from __future__ import annotations

from datetime import datetime

from chassis.ids import new_id
from partners.app.ports import Clients, Organisations, Publisher
from partners.domain.errors import NotFound


async def revoke_client(
    organisations: Organisations, clients: Clients, publisher: Publisher, code: str, client_id: str, at: datetime
) -> None:
    """Revoke once; revoking again changes nothing. Raises NotFound for another organisation's client."""
    organisation = await organisations.lock(code)
    if organisation is None:
        raise NotFound
    revoked = await clients.revoke(client_id, organisation.organisation_id, at)
    if revoked is None:
        raise NotFound
    if not revoked:
        return
    changed, fact = organisation.revoke(client_id, at)
    await organisations.save(changed)
    await publisher.publish(fact, event_id=new_id())
