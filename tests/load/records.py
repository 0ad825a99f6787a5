"""The events of the bench: submitted referrals of 800 bytes, each with ids of its own, made up and without a person.

They are made by a template, since encoding 100,000 of them would take longer than sending them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeAlias
from uuid import UUID

import asyncpg

from chassis.ids import new_id
from chassis.outbox import OutboxRow, row_of
from chassis.testing.events import AT, COUNCIL, submitted
from maillage_contracts import encode, envelope_for

COMMUNE = "93048"
VALUE_BYTES = 800
"""Of the value alone; headers are some 450 bytes more."""

Encoded: TypeAlias = tuple[bytes, list[tuple[str, bytes]], bytes]
"""Key, headers, value."""

_NEED = "numerique--acceder-a-une-connexion-internet"
_TEMPLATE_REFERRAL, _TEMPLATE_EVENT = UUID(int=1), UUID(int=2)
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
"""Every event carries a context; without a collector none is sampled."""


def _template(council: UUID, commune: str) -> OutboxRow:
    event = submitted(_TEMPLATE_REFERRAL, commune=commune)
    event = event.model_copy(update={"routing": event.routing.model_copy(update={"receiver_organisation_id": council})})
    missing = VALUE_BYTES - len(event.model_dump_json())
    # Each further theme costs its own length, two quotes and a comma; the last one takes what is left.
    themes = [_NEED] * (1 + missing // (len(_NEED) + 3))
    event = event.model_copy(update={"themes": tuple(themes)})
    themes[-1] += "-" + "x" * (VALUE_BYTES - len(event.model_dump_json()) - 1)
    event = event.model_copy(update={"themes": tuple(themes)})
    envelope = envelope_for(
        event, id=_TEMPLATE_EVENT, source="/referrals", time=AT, correlation_id=new_id(), traceparent=_TRACE
    )
    record = encode(event, envelope)
    return row_of(_TEMPLATE_EVENT, envelope.type, record.topic, record.key, record.headers, record.value)


def outbox_rows(
    count: int, topic: str, council: UUID = COUNCIL, *, referral_id: UUID | None = None, commune: str = COMMUNE
) -> Iterator[OutboxRow]:
    """Make `count` rows for `topic`, each of a referral of its own unless one is given, asked of `council`."""
    template = _template(council, commune)
    payload, headers = template.payload.decode(), template.headers
    for _ in range(count):
        referral, event = referral_id or new_id(), new_id()
        yield OutboxRow(
            id=event,
            topic=topic,
            key=str(referral),
            type=template.type,
            headers=headers.replace(str(_TEMPLATE_REFERRAL), str(referral)).replace(str(_TEMPLATE_EVENT), str(event)),
            payload=payload.replace(str(_TEMPLATE_REFERRAL), str(referral)).encode(),
        )


def encoded_records(count: int) -> Iterator[Encoded]:
    """Make `count` records as a producer takes them."""
    for row in outbox_rows(count, ""):
        yield (
            row.key.encode(),
            [(name, value.encode()) for name, value in json.loads(row.headers).items()],
            row.payload,
        )


COLUMNS = ("id", "aggregatetype", "aggregateid", "type", "headers", "payload")


async def fill_outbox(dsn: str, count: int, topic: str) -> None:
    """Put `count` rows in an outbox, and bring the database to rest: every arm finds it the same."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.copy_records_to_table(
            "outbox",
            columns=COLUMNS,
            records=((r.id, r.topic, r.key, r.type, r.headers, r.payload) for r in outbox_rows(count, topic)),
        )
        await connection.execute("VACUUM ANALYZE outbox")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
