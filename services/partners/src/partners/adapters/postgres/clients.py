"""API clients and their secrets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import asyncpg

from chassis.db import Tx
from partners.adapters.postgres.organisations import organisation_of
from partners.domain.access import USE_NOTED_EVERY, Client, Secret
from partners.domain.organisation import Organisation

# clients_pkey, then the unique (client_id, secret_sha256): a handful of rows, of which two live.
FIND_CLIENT = """
SELECT c.client_id, c.scopes, c.created_at AS client_created_at, c.revoked_at, o.*
FROM clients c JOIN organisations o USING (organisation_id) WHERE c.client_id = $1
"""
LIVE_SECRETS = """
SELECT client_id, secret_id, secret_sha256, created_at, expires_at, last_used_at FROM client_secrets
WHERE client_id = ANY ($1) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
ORDER BY created_at DESC, secret_id DESC
"""
LOCK_CLIENT = """
SELECT client_id, organisation_id, scopes, created_at, revoked_at FROM clients
WHERE client_id = $1 AND organisation_id = $2 FOR UPDATE
"""
# clients_organisation. A client was last used when any of its secrets was, those that ended included.
LIST_CLIENTS = """
SELECT c.client_id, c.organisation_id, c.scopes, c.created_at, c.revoked_at,
    (SELECT max(s.last_used_at) FROM client_secrets s WHERE s.client_id = c.client_id) AS last_used_at
FROM clients c WHERE c.organisation_id = $1 AND c.revoked_at IS NULL ORDER BY c.created_at, c.client_id
"""
ADD_CLIENT = "INSERT INTO clients (client_id, organisation_id, scopes, created_at) VALUES ($1, $2, $3, $4)"
REPLACE_CLIENT = (
    ADD_CLIENT
    + """
ON CONFLICT (client_id) DO UPDATE SET scopes = excluded.scopes
WHERE clients.organisation_id = excluded.organisation_id
RETURNING client_id
"""
)
ADD_SECRET = """
INSERT INTO client_secrets (secret_id, client_id, secret_sha256, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
"""
# A secret that comes back opens again: the file says which one does.
REPLACE_SECRET = (
    ADD_SECRET
    + """
ON CONFLICT (client_id, secret_sha256) DO UPDATE SET revoked_at = NULL, expires_at = NULL
WHERE client_secrets.revoked_at IS NOT NULL OR client_secrets.expires_at IS NOT NULL
"""
)
REVOKE_OTHERS = """
UPDATE client_secrets SET revoked_at = $3 WHERE client_id = $1 AND secret_sha256 <> $2 AND revoked_at IS NULL
"""
END_SECRET = "UPDATE client_secrets SET expires_at = $2 WHERE secret_id = $1"
REVOKE_SECRET = "UPDATE client_secrets SET revoked_at = $2 WHERE secret_id = $1 AND revoked_at IS NULL"
# Looked at again in the row: of many who come at once, one writes.
NOTE_USE = """
UPDATE client_secrets SET last_used_at = $2::timestamptz
WHERE secret_id = $1 AND (last_used_at IS NULL OR last_used_at <= $2::timestamptz - $3::interval)
"""
REVOKE_CLIENT = (
    "UPDATE clients SET revoked_at = $3 WHERE client_id = $1 AND organisation_id = $2 AND revoked_at IS NULL"
)
CLIENT_EXISTS = "SELECT EXISTS (SELECT FROM clients WHERE client_id = $1 AND organisation_id = $2)"


class PostgresClients:
    """Implements Clients."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def find(self, client_id: str, at: datetime) -> tuple[Client, Organisation] | None:
        row = await self._tx.fetchrow(FIND_CLIENT, client_id)
        if row is None:
            return None
        organisation = organisation_of(row)
        client = Client(
            row["client_id"],
            organisation.organisation_id,
            (await self._live([client_id], at))[client_id],
            frozenset(row["scopes"]),
            row["client_created_at"],
            row["revoked_at"],
        )
        return client, organisation

    async def lock(self, client_id: str, organisation_id: UUID, at: datetime) -> Client | None:
        row = await self._tx.fetchrow(LOCK_CLIENT, client_id, organisation_id)
        return None if row is None else _client(row, (await self._live([client_id], at))[client_id])

    async def of(self, organisation_id: UUID, at: datetime) -> list[Client]:
        """Return the clients of an organisation that were not revoked, the oldest first."""
        rows = await self._tx.fetch(LIST_CLIENTS, organisation_id)
        live = await self._live([row["client_id"] for row in rows], at)
        return [_client(row, live[row["client_id"]], row["last_used_at"]) for row in rows]

    async def add(self, client: Client) -> None:
        await self._tx.execute(ADD_CLIENT, *_values(client))
        for secret in client.secrets:
            await self.add_secret(client.client_id, secret)

    async def replace(self, client: Client) -> None:
        if await self._tx.fetchval(REPLACE_CLIENT, *_values(client)) is None:
            # Another organisation's: left as it is.
            return
        (secret,) = client.secrets
        await self._tx.execute(REPLACE_SECRET, *_secret_values(client.client_id, secret))
        await self._tx.execute(REVOKE_OTHERS, client.client_id, secret.secret_sha256, secret.created_at)

    async def add_secret(self, client_id: str, secret: Secret) -> None:
        await self._tx.execute(ADD_SECRET, *_secret_values(client_id, secret))

    async def end_secret(self, secret_id: UUID, expires_at: datetime) -> None:
        await self._tx.execute(END_SECRET, secret_id, expires_at)

    async def revoke_secret(self, secret_id: UUID, at: datetime) -> None:
        await self._tx.execute(REVOKE_SECRET, secret_id, at)

    async def note_use(self, secret_id: UUID, at: datetime) -> None:
        await self._tx.execute(NOTE_USE, secret_id, at, USE_NOTED_EVERY)

    async def revoke(self, client_id: str, organisation_id: UUID, at: datetime) -> bool | None:
        if await self._tx.execute(REVOKE_CLIENT, client_id, organisation_id, at) == "UPDATE 1":
            return True
        return False if await self._tx.fetchval(CLIENT_EXISTS, client_id, organisation_id) else None

    async def _live(self, client_ids: Iterable[str], at: datetime) -> dict[str, tuple[Secret, ...]]:
        found: dict[str, tuple[Secret, ...]] = defaultdict(tuple)
        for row in await self._tx.fetch(LIVE_SECRETS, list(client_ids), at):
            secret = Secret(
                row["secret_id"], row["secret_sha256"], row["created_at"], row["expires_at"], row["last_used_at"]
            )
            found[row["client_id"]] += (secret,)
        return found


def _client(row: asyncpg.Record, secrets: tuple[Secret, ...], last_used_at: datetime | None = None) -> Client:
    return Client(
        row["client_id"],
        row["organisation_id"],
        secrets,
        frozenset(row["scopes"]),
        row["created_at"],
        row["revoked_at"],
        last_used_at,
    )


def _values(client: Client) -> tuple[object, ...]:
    return client.client_id, client.organisation_id, sorted(client.scopes), client.created_at


def _secret_values(client_id: str, secret: Secret) -> tuple[object, ...]:
    return secret.secret_id, client_id, secret.secret_sha256, secret.created_at, secret.expires_at
