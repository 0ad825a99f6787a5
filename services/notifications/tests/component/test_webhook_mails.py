"""An organisation whose webhook is stopped is written to at its public address, once for each stop."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from chassis.testing.events import example
from maillage_contracts import WebhookDisabled

Desk = Any

COUNCIL = UUID(int=0xC1)
"""As conftest has it; test folders are no packages."""

STOPPED = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)


def stopped(webhook_id: UUID, version: int, at: datetime = STOPPED) -> WebhookDisabled:
    return example(
        WebhookDisabled, organisation_id=COUNCIL, aggregate_version=version, webhook_id=webhook_id, disabled_at=at
    )


async def test_an_organisation_hears_once_of_each_webhook_that_stops(desk: Desk) -> None:
    address = next(iter(await desk.rows("SELECT email FROM directory_organisations WHERE code = 'cd93'")))["email"]
    first, second = uuid4(), uuid4()
    record = desk.record(stopped(first, 2))
    await desk.tell(record, record, stopped(second, 3))

    texts = desk.post.texts(address)
    assert len(texts) == 2
    assert all(text.startswith("Un de vos webhooks est arrêté\n") for text in texts)
    assert {id_ for id_ in (first, second) for text in texts if f"http://portail.test/webhooks/{id_}" in text} == {
        first, second,
    }  # fmt: skip
    assert "01 99 00 12 34" in texts[0], "the platform's telephone"
    assert "14:30" in texts[0] or "14 h 30" in texts[0], "as clocks in France show it"
    await desk.tell(stopped(first, 4, STOPPED.replace(minute=45)))
    assert len(desk.post.texts(address)) == 3, "resumed and stopped again: that is news"
    kept = str([dict(row) for row in await desk.rows("SELECT * FROM notices")])
    assert address not in kept
