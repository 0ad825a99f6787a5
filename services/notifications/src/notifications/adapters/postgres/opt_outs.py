"""Which channels persons refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from chassis.db import Tx

OF = (
    "SELECT subject_ref, array_agg(channel) AS channels FROM opt_outs WHERE subject_ref = ANY ($1) GROUP BY subject_ref"
)
PUT = "INSERT INTO opt_outs (subject_ref, channel, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
REMOVE = "DELETE FROM opt_outs WHERE subject_ref = $1 AND channel = $2"


class PostgresOptOuts:
    """The `OptOuts` port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def of(self, subject_refs: Collection[UUID]) -> Mapping[UUID, frozenset[str]]:
        """Return the refused channels of those who refused any."""
        rows = await self._tx.fetch(OF, list(subject_refs))
        return {row["subject_ref"]: frozenset(row["channels"]) for row in rows}

    async def put(self, subject_ref: UUID, channel: str, at: datetime) -> None:
        """Note a refusal; a repeat changes nothing."""
        await self._tx.execute(PUT, subject_ref, channel, at)

    async def remove(self, subject_ref: UUID, channel: str) -> None:
        """Take a refusal back."""
        await self._tx.execute(REMOVE, subject_ref, channel)
