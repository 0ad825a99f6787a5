"""The operators' list of notices. Nothing here locks, and nothing says to which address anything went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.db import Tx
from notifications.domain.states import State

# notices_listed, or notices_listed_state where a state is asked for; deliveries' primary key for each row.
PAGE = """
SELECT n.notice_id, n.template, n.audience, n.state, n.reason, n.channel, n.attempts, n.organisation_id, n.referral_id,
    n.subject_ref, n.correlation_id, n.created_at, n.changed_at, n.due_at, n.not_after, n.sent_at,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'channel', d.channel, 'tries', d.tries, 'outcome', d.outcome, 'reference', d.reference,
            'first_at', d.first_at, 'last_at', d.last_at, 'receipt', d.receipt, 'receipt_at', d.receipt_at
        ) ORDER BY d.first_at), '[]') FROM deliveries AS d WHERE d.notice_id = n.notice_id
    ) AS deliveries
FROM notices AS n
WHERE ($1::text IS NULL OR n.state = $1)
    AND ($2::timestamptz IS NULL OR (n.created_at, n.notice_id) < ($2, $3::uuid))
ORDER BY n.created_at DESC, n.notice_id DESC LIMIT $4
"""


async def page(
    tx: Tx, *, state: State | None, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[dict[str, Any]]:
    """Return at most `limit` notices, the newest first."""
    at, notice_id = after if after is not None else (None, None)
    rows = await tx.fetch(PAGE, state, at, notice_id, limit)
    return [{**row, "deliveries": json.loads(row["deliveries"])} for row in rows]
