"""Requests to join; the contact of one is sealed under a key of its own, which is deleted to forget it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from chassis.crypto import Vault, WrappedKey
from chassis.db import Tx
from chassis.timers import start_timer
from partners.adapters.postgres.organisations import territory_json
from partners.app.joining_ports import Contact, Reachable
from partners.domain.access import hash_of
from partners.domain.join_request import TEST_EVENTS_SHOWN, Applicant, JoinRequest, JoinRequestState
from partners.domain.organisation import Details, Kind, Territory

TIMER: Final = "join_request_due"
"""The kind of the timer at which a request is looked at again."""

ADD = """
INSERT INTO join_requests
    (join_request_id, state, version, kind, name, legal_number, territory, phone, postal_address, language, sandbox,
     correlation_id, asked_at, due_at, link_sha256, sealed_contact, sealing_key, contact_lookup, email)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
"""
SAVE = """
UPDATE join_requests SET state = $2, version = $3, confirmed_at = $4, decided_at = $5, due_at = $6,
    organisation_id = $7, refusal_reason = $8, client_id = $9, test_event_ids = $10
WHERE join_request_id = $1
"""
FORGET = """
UPDATE join_requests SET sealed_contact = NULL, sealing_key = NULL, contact_lookup = NULL WHERE join_request_id = $1
"""
# join_requests_contact.
ASKED_SINCE = "SELECT count(*) FROM join_requests WHERE contact_lookup = $1 AND asked_at > $2"
# Each by a unique index.
BY_LINK = "SELECT * FROM join_requests WHERE link_sha256 = $1"
LOCK_BY_LINK = "SELECT * FROM join_requests WHERE link_sha256 = $1 FOR UPDATE"
BY_ID = "SELECT * FROM join_requests WHERE join_request_id = $1"
LOCK = "SELECT * FROM join_requests WHERE join_request_id = $1 FOR UPDATE"
BY_IDS = "SELECT * FROM join_requests WHERE join_request_id = ANY ($1) ORDER BY join_request_id"
# join_requests_state.
IN_STATE = """
SELECT * FROM join_requests WHERE $1::text IS NULL OR state = $1 ORDER BY asked_at, join_request_id LIMIT $2
"""
# The unique (event_id, organisation_id).
TEST_EVENTS = """
SELECT event_id, ce_type, payload, position, created_at FROM stream_events
WHERE organisation_id = $1 AND event_id = ANY ($2) ORDER BY position DESC
"""


class PostgresJoinRequests:
    """Implements JoinRequests."""

    def __init__(self, tx: Tx, vault: Vault) -> None:
        self._tx = tx
        self._vault = vault

    async def add(self, request: JoinRequest, contact: Contact) -> None:
        applicant, details = request.applicant, request.applicant.details
        key = self._vault.new_person_key()
        plain = json.dumps({"email": contact.email, "link": contact.link}).encode()
        await self._tx.execute(
            ADD, request.join_request_id, request.state.value, request.version, applicant.kind.value, details.name,
            applicant.legal_number, territory_json(details.territory), details.phone, details.postal_address,
            applicant.language, applicant.sandbox, request.correlation_id, request.asked_at, request.due_at,
            hash_of(contact.link), self._vault.seal(key, plain, context=_context(request.join_request_id)), bytes(key),
            self._lookup(contact.email), details.email,
        )  # fmt: skip
        await start_timer(self._tx, TIMER, request.join_request_id, request.due_at)

    async def asked_since(self, email: str, since: datetime) -> int:
        return int(await self._tx.fetchval(ASKED_SINCE, self._lookup(email), since))

    async def find_by_link(self, link: str) -> JoinRequest | None:
        return _one(await self._tx.fetchrow(BY_LINK, hash_of(link)))

    async def lock_by_link(self, link: str) -> JoinRequest | None:
        return _one(await self._tx.fetchrow(LOCK_BY_LINK, hash_of(link)))

    async def find(self, join_request_id: UUID) -> JoinRequest | None:
        return _one(await self._tx.fetchrow(BY_ID, join_request_id))

    async def lock(self, join_request_id: UUID) -> JoinRequest | None:
        return _one(await self._tx.fetchrow(LOCK, join_request_id))

    async def in_state(self, state: JoinRequestState | None, limit: int) -> Sequence[JoinRequest]:
        rows = await self._tx.fetch(IN_STATE, None if state is None else state.value, limit)
        return [_request(row) for row in rows]

    async def save(self, request: JoinRequest) -> None:
        await self._tx.execute(
            SAVE, request.join_request_id, request.state.value, request.version, request.confirmed_at,
            request.decided_at, request.due_at, request.organisation_id, request.refusal_reason, request.client_id,
            list(request.test_event_ids),
        )  # fmt: skip
        await start_timer(self._tx, TIMER, request.join_request_id, request.due_at)

    async def forget_contact(self, join_request_id: UUID) -> None:
        await self._tx.execute(FORGET, join_request_id)

    async def reachable(self, join_request_ids: Collection[UUID]) -> Sequence[Reachable]:
        rows = await self._tx.fetch(BY_IDS, list(join_request_ids))
        return [Reachable(_request(row), self._contact(row)) for row in rows]

    async def test_events(self, request: JoinRequest) -> list[tuple[UUID, str, bytes, int, datetime]]:
        """Return the newest synthetic events as they stand in the stream: id, type, value, position, time."""
        ids = list(request.test_event_ids[-TEST_EVENTS_SHOWN:])
        rows = await self._tx.fetch(TEST_EVENTS, request.organisation_id, ids)
        return [(r["event_id"], r["ce_type"], r["payload"], r["position"], r["created_at"]) for r in rows]

    def _contact(self, row: asyncpg.Record) -> Contact | None:
        if row["sealed_contact"] is None:
            return None
        key = WrappedKey(row["sealing_key"])
        plain = json.loads(self._vault.open(key, row["sealed_contact"], context=_context(row["join_request_id"])))
        return Contact(plain["email"], plain["link"])

    def _lookup(self, email: str) -> bytes:
        return self._vault.lookup("join request contact", email.casefold())


def _context(join_request_id: UUID) -> str:
    return f"partners.join_request:{join_request_id}:contact"


def _one(row: asyncpg.Record | None) -> JoinRequest | None:
    return None if row is None else _request(row)


def _request(row: asyncpg.Record) -> JoinRequest:
    territory = Territory.of(**json.loads(row["territory"]))
    details = Details(row["name"], row["phone"], row["postal_address"], territory, row["email"])
    same = (
        "join_request_id", "version", "correlation_id", "asked_at", "due_at", "confirmed_at", "decided_at",
        "organisation_id", "refusal_reason", "client_id",
    )  # fmt: skip
    return JoinRequest(
        applicant=Applicant(Kind(row["kind"]), details, row["legal_number"], row["language"], row["sandbox"]),
        state=JoinRequestState(row["state"]),
        test_event_ids=tuple(row["test_event_ids"]),
        **{name: row[name] for name in same},
    )
