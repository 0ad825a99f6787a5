"""What went from whom to whom, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chassis.db import Tx
from registration.domain.sharing import Shared, Sharing

# The person's row is kept as it is until the commit: an erasure comes wholly before, and this writes nothing, or after,
# and finds what this wrote. The primary key makes each source one row.
NOTE = """
INSERT INTO sharings (what, source_id, subject_ref, at, from_ids, to_id)
SELECT $1, $2, subject_ref, $4, $5, $6 FROM persons WHERE subject_ref = $3 AND state <> 'erased' FOR SHARE
ON CONFLICT (what, source_id) DO NOTHING
"""

# sharings_subject finds them, in this order.
OF = "SELECT what, source_id, at, from_ids, to_id FROM sharings WHERE subject_ref = $1 ORDER BY at, source_id"


class PostgresSharings:
    """The `Sharings` port inside one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def note(self, sharing: Sharing) -> None:
        """Insert it, unless it is known or the person is erased."""
        await self._tx.execute(
            NOTE,
            sharing.what, sharing.source_id, sharing.subject_ref, sharing.at, list(sharing.from_ids), sharing.to_id,
        )  # fmt: skip

    async def of(self, subject_ref: UUID) -> Sequence[Sharing]:
        """Return all that was shared about a person, the oldest first."""
        return [
            Sharing(
                what=Shared(row["what"]),
                source_id=row["source_id"],
                subject_ref=subject_ref,
                at=row["at"],
                from_ids=tuple(row["from_ids"]),
                to_id=row["to_id"],
            )
            for row in await self._tx.fetch(OF, subject_ref)
        ]
