"""Sessions, drafts and feed cursors in the portal's own database."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from chassis.crypto import SealBroken, Vault, WrappedKey
from chassis.db import Database, Tx
from chassis.errors import DependencyDown
from portal.adapters.csrf import csrf_of
from portal.domain.draft import Draft
from portal.domain.errors import NotFound, ServiceSilent
from portal.domain.member import Kind, Member, Session

DRAFT_DAYS = 7
"""Long enough to come back after a week's leave from a half-filled form, short enough to forget the person."""

OPEN_SESSION = """
INSERT INTO sessions (token_hash, member_id, member_label, organisation_code, organisation_name, organisation_kind,
                      member_role, opened_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
FIND_SESSION = """
SELECT member_id, member_label, organisation_code, organisation_name, organisation_kind, member_role, expires_at
FROM sessions WHERE token_hash = $1 AND expires_at > $2"""
CLOSE_SESSION = "DELETE FROM sessions WHERE token_hash = $1"

READ_DRAFT = """
SELECT draft_key, sealed, referral_id FROM drafts WHERE draft_id = $1 AND member_id = $2 AND changed_at >= $3"""
# The primary key makes two first clicks one draft; the row lock then makes them take turns.
CREATE_DRAFT = """
INSERT INTO drafts (draft_id, member_id, draft_key, sealed, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT (draft_id) DO NOTHING"""
LOCK_DRAFT = """
SELECT draft_key, sealed, referral_id FROM drafts WHERE draft_id = $1 AND member_id = $2 FOR UPDATE"""
STORE_DRAFT = """
UPDATE drafts SET draft_key = $3, sealed = $4, referral_id = $5, changed_at = $6
WHERE draft_id = $1 AND member_id = $2"""
# Index drafts_of_member.
UNSENT_DRAFTS = """
SELECT draft_id, changed_at FROM drafts WHERE member_id = $1 AND referral_id IS NULL AND changed_at >= $2
ORDER BY changed_at DESC LIMIT 5"""
DISCARD_DRAFT = "DELETE FROM drafts WHERE draft_id = $1 AND member_id = $2"
# Index drafts_age. Before each change too: what is too old to be read is not gone on with.
EXPIRE_DRAFTS = "DELETE FROM drafts WHERE changed_at < $1"

LOAD_CURSOR = "SELECT cursor FROM feed_cursors WHERE organisation_code = $1"
SAVE_CURSOR = """
INSERT INTO feed_cursors (organisation_code, cursor) VALUES ($1, $2)
ON CONFLICT (organisation_code) DO UPDATE SET cursor = excluded.cursor"""


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[Tx]:
    """Open a transaction on the portal's own database; raises ServiceSilent when it does not answer."""
    try:
        async with database.transaction() as tx:
            yield tx
    except DependencyDown:
        raise ServiceSilent("portal") from None


def _hash(token: str) -> bytes:
    # Plain SHA-256: the token is 256 random bits, not a password.
    return hashlib.sha256(token.encode("utf-8")).digest()


class PostgresSessions:
    """Implements Sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, member: Member, *, now: datetime, expires_at: datetime) -> str:
        token = secrets.token_urlsafe(32)
        async with transaction(self._database) as tx:
            await tx.execute(
                OPEN_SESSION, _hash(token), member.member_id, member.label, member.organisation_code,
                member.organisation_name, member.kind.value, member.role, now, expires_at,
            )  # fmt: skip
        return token

    async def find(self, token: str, *, now: datetime) -> Session | None:
        async with transaction(self._database) as tx:
            row = await tx.fetchrow(FIND_SESSION, _hash(token), now)
        if row is None:
            return None
        member = Member(
            row["member_id"], row["member_label"], row["organisation_code"], row["organisation_name"],
            Kind(row["organisation_kind"]), row["member_role"],
        )  # fmt: skip
        return Session(member, csrf_of(token), row["expires_at"])

    async def close(self, token: str) -> None:
        async with transaction(self._database) as tx:
            await tx.execute(CLOSE_SESSION, _hash(token))


class PostgresDrafts:
    """Implements Drafts; what was typed is sealed before it leaves this process, each draft under a key of its own."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def read(self, draft_id: UUID, member_id: UUID, *, now: datetime) -> Draft:
        async with transaction(self._database) as tx:
            row = await tx.fetchrow(READ_DRAFT, draft_id, member_id, now - timedelta(days=DRAFT_DAYS))
        if row is None:
            raise NotFound
        return self._open(Draft(draft_id, member_id), row)

    async def change(self, draft_id: UUID, member_id: UUID, edit: Callable[[Draft], Draft], *, now: datetime) -> Draft:
        empty, key = Draft(draft_id, member_id), self._vault.new_person_key()
        async with transaction(self._database) as tx:
            await tx.execute(EXPIRE_DRAFTS, now - timedelta(days=DRAFT_DAYS))
            await tx.execute(CREATE_DRAFT, draft_id, member_id, key, self._seal(empty, key), now)
            row = await tx.fetchrow(LOCK_DRAFT, draft_id, member_id)
            if row is None:
                raise NotFound
            draft = edit(self._open(empty, row))
            kept, sealed = None, None
            if draft.referral_id is None:
                kept = row["draft_key"]
                sealed = self._seal(draft, kept)
            await tx.execute(STORE_DRAFT, draft_id, member_id, kept, sealed, draft.referral_id, now)
        return draft

    async def unsent(self, member_id: UUID, *, now: datetime) -> Sequence[tuple[UUID, datetime]]:
        async with transaction(self._database) as tx:
            rows = await tx.fetch(UNSENT_DRAFTS, member_id, now - timedelta(days=DRAFT_DAYS))
        return [(row["draft_id"], row["changed_at"]) for row in rows]

    async def discard(self, draft_id: UUID, member_id: UUID) -> None:
        async with transaction(self._database) as tx:
            await tx.execute(DISCARD_DRAFT, draft_id, member_id)

    def _seal(self, draft: Draft, key: WrappedKey) -> bytes:
        content = {"typed": draft.typed, "seen": sorted(draft.seen), "attempt": draft.attempt}
        return self._vault.seal(key, json.dumps(content).encode("utf-8"), context=_place(draft))

    def _open(self, draft: Draft, row: asyncpg.Record) -> Draft:
        if row["sealed"] is None:
            return replace(draft, referral_id=row["referral_id"])
        try:
            text = self._vault.open(row["draft_key"], row["sealed"], context=_place(draft))
        except SealBroken:
            # Another master key, after a restore: what was typed is lost to us, and the page offers a new form.
            raise NotFound from None
        content = json.loads(text)
        typed = {name: tuple(values) for name, values in content["typed"].items()}
        return replace(draft, typed=typed, seen=frozenset(content["seen"]), attempt=content["attempt"])


def _place(draft: Draft) -> str:
    """Bind the text to its draft and author: a row copied to another does not open."""
    return f"portal.drafts:{draft.draft_id}:{draft.member_id}"


class PostgresCursors:
    """Implements Cursors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, organisation_code: str) -> str:
        async with transaction(self._database) as tx:
            cursor = await tx.fetchval(LOAD_CURSOR, organisation_code)
        return cursor if isinstance(cursor, str) else ""

    async def save(self, organisation_code: str, cursor: str) -> None:
        async with transaction(self._database) as tx:
            await tx.execute(SAVE_CURSOR, organisation_code, cursor)
