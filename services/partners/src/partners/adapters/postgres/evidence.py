"""What streams and webhooks hold about one event: reads that lock nothing, in the transaction that is open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

import asyncpg

from chassis.db import Tx
from chassis.records import Delivery, Source, parse
from maillage_contracts import EventErased
from partners.adapters.copies import masked_fields
from partners.adapters.postgres.referrals import LEFT_SCOPE, PostgresReferrals
from partners.adapters.postgres.streams import ERASED
from partners.adapters.postgres.webhooks import ALL_OF, webhook_of
from partners.adapters.subscribers import MATTERS, fact_of, moves_of
from partners.app.explain_event import Copy
from partners.app.project_events import Told, as_they_stand
from partners.domain.explanation import Fate, fate_of
from partners.domain.organisation import Kind
from partners.domain.stream import Fact, Stream
from partners.domain.webhook import ERASED as ERASED_TYPE

# stream_events' unique (event_id, organisation_id): as many rows as organisations were told.
COPY = """
SELECT e.organisation_id, e.position, e.ce_type, e.subject, e.headers, e.payload, e.created_at,
    (SELECT kind FROM partner_stream WHERE organisation_id = $2) AS kind
FROM stream_events e WHERE e.event_id = $1 ORDER BY e.organisation_id = $2 DESC LIMIT 1
"""
# partner_stream_pkey, stream_communes_pkey, told_persons_pkey.
SCOPE = """
SELECT s.organisation_id, s.code, s.topic, s.kind, s.last_position, s.sandbox, s.event_types,
    ARRAY (SELECT commune FROM stream_communes c WHERE c.commune = ANY ($2) AND c.organisation_id = $1) AS communes,
    EXISTS (SELECT FROM told_persons t WHERE t.subject_ref = $3 AND t.organisation_id = $1) AS told
FROM partner_stream s WHERE s.organisation_id = $1
"""
# organisations_sandbox, as the projection asks of many (streams.PRESENT).
OF_SANDBOX = "SELECT organisation_id FROM organisations WHERE sandbox AND organisation_id = ANY ($1)"
# stream_events_subject, backwards.
LAST_OF = """
SELECT position, ce_type FROM stream_events WHERE organisation_id = $1 AND subject = $2 ORDER BY position DESC LIMIT 1
"""
# webhook_attempts_event.
ACCEPTED = """
SELECT DISTINCT webhook_id FROM webhook_attempts
WHERE webhook_id = ANY ($1) AND event_id = $2 AND outcome = 'delivered' AND kind IN ('event', 'again')
"""
# webhook_waiting_pkey.
WAITS = "SELECT DISTINCT webhook_id FROM webhook_waiting WHERE webhook_id = ANY ($1) AND position = $2"


class PostgresEvidence:
    """Implements Evidence."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def copy(self, event_id: UUID, organisation_id: UUID) -> Copy | None:
        row = await self._tx.fetchrow(COPY, event_id, organisation_id)
        if row is None:
            return None
        delivery = _delivery(row)
        known = delivery is not None and type(delivery.event) in MATTERS
        erased = delivery.event if delivery is not None and isinstance(delivery.event, EventErased) else None
        return Copy(
            event_id,
            row["organisation_id"],
            row["position"],
            row["ce_type"] if erased is None else erased.erased_type,
            row["subject"],
            row["created_at"],
            await self._fact(delivery) if known and delivery is not None else None,
            masked_fields(Kind(row["kind"]), delivery) if known and delivery is not None else (),
            erased is not None,
        )

    async def _fact(self, delivery: Delivery) -> Fact:
        """Return the fact as the projection takes it: by where the person lives now, and whose a move is."""
        told = Told([fact_of(delivery)], moves=moves_of([delivery]))
        referrals = PostgresReferrals(self._tx)
        [fact] = await as_they_stand(referrals, told.facts, await referrals.detailed(told.moves))
        return fact

    async def scope(self, organisation_id: UUID, fact: Fact) -> Stream:
        row = await self._tx.fetchrow(SCOPE, organisation_id, list(fact.communes()), fact.person)
        assert row is not None  # whoever takes part has a stream
        return Stream(
            row["organisation_id"],
            row["code"],
            row["topic"],
            Kind(row["kind"]),
            row["last_position"],
            frozenset(row["communes"]),
            frozenset({fact.person} if row["told"] and fact.person is not None else ()),
            sandbox=row["sandbox"],
            event_types=None if row["event_types"] is None else frozenset(row["event_types"]),
        )

    async def sandboxed(self, fact: Fact) -> set[UUID]:
        referrers = [] if fact.routing is None else [fact.routing.referrer_organisation_id]
        return {row["organisation_id"] for row in await self._tx.fetch(OF_SANDBOX, referrers)}

    async def erased(self, fact: Fact | None) -> bool:
        if fact is None:
            return False
        asked = [[one] if one is not None else [] for one in (fact.person, fact.referral_id)]
        return bool(await self._tx.fetch(ERASED, *asked))

    async def left_scope(self, organisation_id: UUID, subject: str) -> int | None:
        row = await self._tx.fetchrow(LAST_OF, organisation_id, subject)
        return row["position"] if row is not None and row["ce_type"] == LEFT_SCOPE else None

    async def holds_aggregate(self, organisation_id: UUID, subject: str) -> bool:
        return await self._tx.fetchrow(LAST_OF, organisation_id, subject) is not None

    async def fates(self, copy: Copy) -> Sequence[tuple[UUID, Fate]]:
        webhooks = [webhook_of(row) for row in await self._tx.fetch(ALL_OF, copy.organisation_id)]
        ids = [webhook.webhook_id for webhook in webhooks]
        if not ids:
            return ()
        accepted = {row["webhook_id"] for row in await self._tx.fetch(ACCEPTED, ids, copy.event_id)}
        waits = {row["webhook_id"] for row in await self._tx.fetch(WAITS, ids, copy.position)}
        # As a delivery asks (webhook_work.BODIES); the erasure itself is never withdrawn.
        erased = copy.erased or (copy.ce_type != ERASED_TYPE and await self.erased(copy.fact))
        return [
            (
                webhook.webhook_id,
                fate_of(
                    webhook,
                    copy.ce_type,
                    copy.position,
                    accepted=webhook.webhook_id in accepted,
                    waits=webhook.webhook_id in waits,
                    erased=erased,
                ),
            )
            for webhook in webhooks
        ]


def _delivery(row: asyncpg.Record) -> Delivery | None:
    """Return the stored copy as it would be read from a topic; None for what this version cannot read."""
    headers = [(name, text.encode()) for name, text in json.loads(row["headers"]).items()]
    found = parse(Source("", 0, row["position"], None, headers, row["payload"]))
    return found if isinstance(found, Delivery) else None
