"""Give a client another secret: both open until the older one ends, so that nothing stops meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from chassis.ids import new_id
from partners.app.ports import Clients, Organisations, Publisher
from partners.domain.access import SECRETS_MAX, Secret, hash_of, new_secret
from partners.domain.errors import LastSecret, NotFound, TooManySecrets


@dataclass(frozen=True, slots=True)
class Rotated:
    """A new secret, shown now and never again, and when the one before it ends."""

    secret: Secret
    text: str
    older_until: datetime | None


async def rotate_secret(
    clients: Clients,
    organisation_id: UUID,
    client_id: str,
    *,
    overlap: timedelta,
    lifetime: timedelta | None,
    at: datetime,
) -> Rotated:
    """Add a secret and have the one in use end after the overlap. Raises NotFound, TooManySecrets."""
    client = await clients.lock(client_id, organisation_id, at)
    if client is None or client.revoked_at is not None:
        raise NotFound
    live = client.live(at)
    if len(live) >= SECRETS_MAX:
        raise TooManySecrets
    text = new_secret()
    secret = Secret(new_id(), hash_of(text), at, None if lifetime is None else at + lifetime)
    older_until = None
    for one in live:
        # An overlap never lengthens the life of a secret.
        older_until = at + overlap if one.expires_at is None else min(one.expires_at, at + overlap)
        await clients.end_secret(one.secret_id, older_until)
    await clients.add_secret(client_id, secret)
    return Rotated(secret, text, older_until)


async def revoke_secret(
    organisations: Organisations,
    clients: Clients,
    publisher: Publisher,
    code: str,
    client_id: str,
    secret_id: UUID,
    at: datetime,
) -> None:
    """End a secret now, and refuse the tokens it was exchanged for. Raises NotFound, or LastSecret for the only one."""
    organisation = await organisations.lock(code)
    if organisation is None:
        raise NotFound
    client = await clients.lock(client_id, organisation.organisation_id, at)
    if client is None or client.revoked_at is not None:
        raise NotFound
    live = client.live(at)
    if all(one.secret_id != secret_id for one in live):
        raise NotFound
    if len(live) == 1:
        raise LastSecret
    await clients.revoke_secret(secret_id, at)
    changed, fact = organisation.end_access(secret_id, at)
    await organisations.save(changed)
    await publisher.publish(fact, event_id=new_id())
