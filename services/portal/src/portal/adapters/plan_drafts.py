"""Plans being changed, in the portal's own database; what was typed is sealed before it leaves this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from chassis.crypto import SealBroken, Vault, WrappedKey
from chassis.db import Database
from portal.adapters.postgres import DRAFT_DAYS, transaction
from portal.domain.plan import ActionRow, GoalRow, PlanDraft

READ = """
SELECT draft_key, sealed, changed_at FROM plan_drafts
WHERE accompaniment_id = $1 AND member_id = $2 AND changed_at >= $3"""
# The primary key makes two first clicks one draft; the row lock then makes them take turns.
CREATE = """
INSERT INTO plan_drafts (accompaniment_id, member_id, draft_key, sealed, changed_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (accompaniment_id, member_id) DO NOTHING"""
LOCK = "SELECT draft_key, sealed FROM plan_drafts WHERE accompaniment_id = $1 AND member_id = $2 FOR UPDATE"
STORE = """
INSERT INTO plan_drafts (accompaniment_id, member_id, draft_key, sealed, changed_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (accompaniment_id, member_id)
DO UPDATE SET draft_key = excluded.draft_key, sealed = excluded.sealed, changed_at = excluded.changed_at"""
DISCARD = "DELETE FROM plan_drafts WHERE accompaniment_id = $1 AND member_id = $2"
# Index plan_drafts_age. Before each change too: what is too old to be read is not gone on with.
EXPIRE = "DELETE FROM plan_drafts WHERE changed_at < $1"


class PostgresPlanDrafts:
    """Implements PlanDrafts."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def read(
        self, accompaniment_id: UUID, member_id: UUID, *, now: datetime
    ) -> tuple[PlanDraft, datetime] | None:
        async with transaction(self._database) as tx:
            row = await tx.fetchrow(READ, accompaniment_id, member_id, now - timedelta(days=DRAFT_DAYS))
        if row is None:
            return None
        draft = self._open(row["draft_key"], row["sealed"], accompaniment_id, member_id)
        return (draft, row["changed_at"]) if draft is not None else None

    async def change(
        self, accompaniment_id: UUID, member_id: UUID, edit: Callable[[PlanDraft], PlanDraft], *,
        new: PlanDraft, now: datetime,
    ) -> PlanDraft:  # fmt: skip
        key = self._vault.new_person_key()
        async with transaction(self._database) as tx:
            await tx.execute(EXPIRE, now - timedelta(days=DRAFT_DAYS))
            sealed = self._seal(new, key, accompaniment_id, member_id)
            await tx.execute(CREATE, accompaniment_id, member_id, key, sealed, now)
            row = await tx.fetchrow(LOCK, accompaniment_id, member_id)
            kept = None
            if row is not None:
                # None with another master key, after a restore: what was typed is lost to us, the form begins again.
                kept = self._open(row["draft_key"], row["sealed"], accompaniment_id, member_id)
                key = row["draft_key"] if kept is not None else key
            draft = edit(kept or new)
            await tx.execute(
                STORE, accompaniment_id, member_id, key, self._seal(draft, key, accompaniment_id, member_id), now
            )
        return draft

    async def discard(self, accompaniment_id: UUID, member_id: UUID) -> None:
        async with transaction(self._database) as tx:
            await tx.execute(DISCARD, accompaniment_id, member_id)

    def _seal(self, draft: PlanDraft, key: WrappedKey, accompaniment_id: UUID, member_id: UUID) -> bytes:
        content = {**asdict(draft), "known": sorted(draft.known)}
        text = json.dumps(content).encode("utf-8")
        return self._vault.seal(key, text, context=_place(accompaniment_id, member_id))

    def _open(self, key: WrappedKey, sealed: bytes, accompaniment_id: UUID, member_id: UUID) -> PlanDraft | None:
        try:
            text = self._vault.open(key, sealed, context=_place(accompaniment_id, member_id))
        except SealBroken:
            return None
        content = json.loads(text)
        return PlanDraft(
            based_on=content["based_on"],
            goals=tuple(GoalRow(**row) for row in content["goals"]),
            actions=tuple(ActionRow(**row) for row in content["actions"]),
            open=content["open"],
            checked=content["checked"],
            known=frozenset(content["known"]),
        )


def _place(accompaniment_id: UUID, member_id: UUID) -> str:
    """Bind the text to its accompaniment and author: a row copied to another does not open."""
    return f"portal.plan_drafts:{accompaniment_id}:{member_id}"
