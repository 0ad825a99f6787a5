"""Forget a person who was erased: nothing more is sent to them, and nothing here leads to them any more."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from notifications.app.ports import Notices
from notifications.domain.states import Actor, Reason


async def forget_person(subject_ref: UUID, *, notices: Notices, now: datetime) -> None:
    """Suppress what waits, then forget whose notices all of them were."""
    for notice in await notices.of_person(subject_ref):
        await notices.save(notice, notice.suppress(Actor.FACT, now, Reason.ERASED))
    await notices.forget(subject_ref)
