"""The term of an offered seat, when the chassis's timers say that it is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from chassis.timers import OnTimer
from training.adapters.postgres.book import PostgresBook
from training.adapters.postgres.writing import OFFER_TIMER
from training.app.expire_offer import expire_offer


def timers() -> Mapping[str, OnTimer]:
    """Return the handler of each kind of timer."""

    async def on_offer(tx: Tx, enrolment_id: UUID, now: datetime) -> None:
        await expire_offer(enrolment_id, book=PostgresBook(tx), now=now)

    return {OFFER_TIMER: on_offer}
