"""Who takes part, and whose access was revoked: this service's own copy of `partners-organisation-v1`.

Rows are written in the consumer's transaction; an older version never replaces a newer one. Revocations are also kept
in memory, where every request looks: at once in the process that reads the event, within two seconds in its replicas.
Until they are loaded nobody's token is believed or refused: the answer is DependencyDown. What was revoked longer ago
than a token can live is not looked for: memory holds the last minutes' revocations, however many there ever were.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from chassis.clock import Clock, SystemClock
from chassis.consumer import Subscription
from chassis.db import Database, Tx
from chassis.errors import DependencyDown
from chassis.records import Delivery
from maillage_contracts import (
    AccessEnded,
    ApiClientRevoked,
    Event,
    OrganisationChanged,
    OrganisationRegistered,
    topic_for,
)

REFRESH_SECONDS = 2.0
"""How long a replica that did not read a revocation itself may go on serving the client."""

KEPT_FOR = timedelta(minutes=10)
"""A token lives five minutes and is believed for one more; the rest is for one that was being issued meanwhile."""

PURGE_EVERY = 30
"""Refreshes, that is a minute."""

OrganisationEvent: TypeAlias = OrganisationRegistered | OrganisationChanged

# Waits for the row's lock; two batches take organisations in the same order, so they cannot deadlock.
UPSERT_ORGANISATIONS = """
INSERT INTO directory_organisations AS d
    (organisation_id, code, name, kind, phone, postal_address, email, territory, collectivities, version, sandbox)
SELECT o.organisation_id, o.code, o.name, o.kind, o.phone, o.postal_address, o.email, o.territory,
       ARRAY(SELECT jsonb_array_elements_text(o.territory -> 'collectivities')), o.version, coalesce(o.sandbox, false)
FROM jsonb_to_recordset($1::jsonb) AS o (
    organisation_id uuid, code text, name text, kind text, phone text, postal_address text, email text,
    territory jsonb, version bigint, sandbox boolean)
ORDER BY o.organisation_id
ON CONFLICT (organisation_id) DO UPDATE SET
    code = EXCLUDED.code, name = EXCLUDED.name, kind = EXCLUDED.kind, phone = EXCLUDED.phone,
    postal_address = EXCLUDED.postal_address, email = EXCLUDED.email, territory = EXCLUDED.territory,
    collectivities = EXCLUDED.collectivities, version = EXCLUDED.version, sandbox = EXCLUDED.sandbox
WHERE d.version < EXCLUDED.version
"""

INSERT_REVOCATIONS = """
INSERT INTO revoked_clients (client_id, organisation_id, revoked_at)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::timestamptz[]) AS r (client_id, organisation_id, revoked_at)
ORDER BY client_id
ON CONFLICT (client_id) DO NOTHING
"""

INSERT_ENDED = """
INSERT INTO ended_accesses (grant_id, ended_at)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS r (grant_id, ended_at) ORDER BY grant_id
ON CONFLICT (grant_id) DO NOTHING
"""
# revoked_clients_revoked_at, ended_accesses_ended_at.
RECENT = """
SELECT client_id AS ground, revoked_at AS at FROM revoked_clients WHERE revoked_at > $1
UNION ALL SELECT grant_id::text, ended_at FROM ended_accesses WHERE ended_at > $1
"""
PURGE_ENDED = "DELETE FROM ended_accesses WHERE ended_at <= $1"

COLUMNS = "organisation_id, code, name, kind, phone, postal_address, email, territory, version, sandbox"
SELECT_BY_ID = f"SELECT {COLUMNS} FROM directory_organisations WHERE organisation_id = ANY($1::uuid[])"  # noqa: S608
# directory_organisations_collectivities finds the few of one collectivity, of whatever kind.
SELECT_ANSWERING = (
    f"SELECT {COLUMNS} FROM directory_organisations "  # noqa: S608
    "WHERE kind = $1 AND collectivities @> ARRAY[$2::text] AND sandbox = $3 ORDER BY code, organisation_id"
)
SELECT_BY_CODE = f"SELECT {COLUMNS} FROM directory_organisations WHERE code = $1 ORDER BY version DESC LIMIT 1"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation as its last event describes it."""

    organisation_id: UUID
    code: str
    name: str
    kind: str
    phone: str
    postal_address: str
    territory: Mapping[str, Sequence[str]]
    version: int
    email: str | None = None
    """Its public address for notices, where it gave one."""
    sandbox: bool = False
    """Whether it belongs to the world in which nobody is real."""


async def apply_organisations(tx: Tx, events: Sequence[OrganisationEvent]) -> None:
    """Store the newest version of each organisation, in one statement; older ones change nothing."""
    newest: dict[UUID, OrganisationEvent] = {}
    for event in events:
        known = newest.get(event.organisation_id)
        if known is None or known.aggregate_version < event.aggregate_version:
            newest[event.organisation_id] = event
    if newest:
        await tx.execute(UPSERT_ORGANISATIONS, json.dumps([_row(event) for event in newest.values()]))


async def apply_revocations(tx: Tx, events: Sequence[ApiClientRevoked]) -> None:
    """Store revoked clients, in one statement; a repeat changes nothing."""
    by_client = {event.client_id: event for event in events}
    if by_client:
        await tx.execute(
            INSERT_REVOCATIONS,
            list(by_client),
            [event.organisation_id for event in by_client.values()],
            [event.revoked_at for event in by_client.values()],
        )


async def apply_ended(tx: Tx, events: Sequence[AccessEnded]) -> None:
    """Store on what nothing is believed any more, in one statement; a repeat changes nothing."""
    by_grant = {event.grant_id: event.ended_at for event in events}
    if by_grant:
        await tx.execute(INSERT_ENDED, list(by_grant), list(by_grant.values()))


async def organisation(tx: Tx, organisation_id: UUID) -> Organisation | None:
    """Return the organisation, if its event has been read."""
    return (await organisations(tx, [organisation_id])).get(organisation_id)


async def organisations(tx: Tx, organisation_ids: Collection[UUID]) -> dict[UUID, Organisation]:
    """Return those of the organisations whose event has been read, by id."""
    rows = await tx.fetch(SELECT_BY_ID, list(organisation_ids))
    return {row["organisation_id"]: _organisation(row) for row in rows}


async def organisation_by_code(tx: Tx, code: str) -> Organisation | None:
    """Return the organisation of that code, if its event has been read."""
    row = await tx.fetchrow(SELECT_BY_CODE, code)
    return None if row is None else _organisation(row)


async def answering(tx: Tx, kind: str, collectivity: str, *, sandbox: bool = False) -> list[Organisation]:
    """Return the organisations of a kind and of one world that answer for a collectivity, by code."""
    return [_organisation(row) for row in await tx.fetch(SELECT_ANSWERING, kind, collectivity, sandbox)]


async def council_for(tx: Tx, collectivity_code: str, *, sandbox: bool = False) -> Organisation | None:
    """Return the council of one world that answers for a collectivity, or None when it has not joined."""
    # partners refuses a second one; should there be two, the first by code is always the same one.
    return next(iter(await answering(tx, "council", collectivity_code, sandbox=sandbox)), None)


class Directory:
    """Keeps the copy up to date, and the revocations in memory."""

    after: Callable[[Tx, Sequence[OrganisationEvent]], Awaitable[None]] | None = None
    """What else a service does on hearing of organisations: once the copy is written, in the same transaction."""

    def __init__(self, db: Database, clock: Clock | None = None) -> None:
        self._db = db
        self._clock = clock or SystemClock()
        self._revoked: dict[str, datetime] = {}
        self._loading = False
        self._loaded = False
        self._refreshes = itertools.count()

    def is_revoked(self, ground: str) -> bool:
        """Return whether tokens of a client, or issued on a grant, are refused; DependencyDown while nobody knows."""
        if self._loading:
            raise DependencyDown("revocations are not loaded yet")
        return ground in self._revoked

    def subscriptions(self) -> Sequence[Subscription]:
        """Return what this service must consume to keep its copy."""
        types: frozenset[type[Event]] = frozenset(
            {OrganisationRegistered, OrganisationChanged, ApiClientRevoked, AccessEnded}
        )
        return [Subscription(topic_for(OrganisationRegistered).name, many=self._apply, many_types=types)]

    async def run(self) -> None:
        """Reload revocations every two seconds, for as long as the database answers; raises DependencyDown."""
        self._loading = not self._loaded
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Load revocations that other processes stored, and forget those that no token can outlive."""
        since = self._clock.now() - KEPT_FOR
        async with self._db.transaction() as tx:
            rows = await tx.fetch(RECENT, since)
            if next(self._refreshes) % PURGE_EVERY == 0:
                await tx.execute(PURGE_ENDED, since)
        self._revoked |= {row["ground"]: row["at"] for row in rows}
        self._revoked = {ground: at for ground, at in self._revoked.items() if at > since}
        self._loading, self._loaded = False, True

    async def _apply(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        events = [delivery.event for delivery in deliveries]
        revocations = [event for event in events if isinstance(event, ApiClientRevoked)]
        ended = [event for event in events if isinstance(event, AccessEnded)]
        heard = [event for event in events if isinstance(event, OrganisationEvent)]
        await apply_organisations(tx, heard)
        if heard and self.after is not None:
            await self.after(tx, heard)
        await apply_revocations(tx, revocations)
        await apply_ended(tx, ended)
        # Before the commit: should it fail, the event will be read again, and it was true already.
        self._revoked |= {event.client_id: event.revoked_at for event in revocations}
        self._revoked |= {str(event.grant_id): event.ended_at for event in ended}


def _row(event: OrganisationEvent) -> dict[str, Any]:
    fields = {"organisation_id", "code", "name", "kind", "phone", "postal_address", "email", "territory", "sandbox"}
    return event.model_dump(mode="json", include=fields) | {"version": event.aggregate_version}


def _organisation(row: asyncpg.Record) -> Organisation:
    values = dict(row)
    return Organisation(**(values | {"territory": json.loads(values["territory"])}))
