"""Notices to be changed: a notice, the try that changed it and what is told of it are written by one statement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from chassis.db import Tx
from notifications.adapters.events import Story, rows_for
from notifications.adapters.facts import event_kept, fact_of
from notifications.adapters.postgres import statements as sql
from notifications.app.ports import Attempt, Last, Receipt, Requested, Thread
from notifications.domain.fact import Fact
from notifications.domain.notice import Notice, Told
from notifications.domain.states import Reason, State

THREAD_ROWS = 50
"""A thread is about one thing and one recipient; the last thing told is among its newest."""


class PostgresNotices:
    """The `Notices` port inside one transaction: of the event `cause`, or of the worker `instance`."""

    def __init__(
        self, tx: Tx, now: datetime, *, cause: UUID | None = None, event: str = "{}", instance: str | None = None
    ) -> None:
        self._tx = tx
        self._now = now
        self._cause = cause
        self._event = event
        self._instance = instance
        self._stories: dict[UUID, Story] = {}

    async def thread(self, thread: str) -> Thread:
        """Return what was told in this thread; a notice that was found to be a repeat does not count."""
        rows = await self._tx.fetch(sql.THREAD, thread, THREAD_ROWS)
        told = next((row["says"] for row in rows if not row["untold"]), None)
        return Thread(bool(rows), None if told is None else Last(told))

    async def add(self, requested: Requested, told: Sequence[Told]) -> None:
        """Insert the notice and its events."""
        notice, fact = requested.notice, requested.fact
        story = Story(fact.correlation_id, fact.event_id, requested.traceparent)
        await self._tx.execute(
            sql.ADD,
            *_columns(rows_for(notice, told, story, self._cause)),
            notice.notice_id, notice.version, notice.template, notice.audience, notice.state, notice.reason,
            notice.subject_ref, notice.organisation_id, notice.referral_id, list(notice.channels), notice.due_at,
            notice.not_after, requested.thread, requested.says, requested.supersede_key, fact.event_id, fact.type,
            fact.at, self._event, fact.correlation_id, requested.traceparent, self._now,
        )  # fmt: skip

    async def unsent(self, templates: Collection[str], key: UUID) -> Sequence[tuple[Notice, Fact]]:
        """Return the open notices of these templates with this key, locked."""
        found = [self._requested(row) for row in await self._tx.fetch(sql.UNSENT, key, list(templates))]
        return [(one.notice, one.fact) for one in found]

    async def of_person(self, subject_ref: UUID) -> Sequence[Notice]:
        """Return a person's open notices, locked."""
        return [self._requested(row).notice for row in await self._tx.fetch(sql.OF_PERSON, subject_ref)]

    async def due(self, now: datetime, limit: int) -> Sequence[Requested]:
        """Return what is due, locked, and count alone for the persons concerned until the transaction ends."""
        found = [self._requested(row) for row in await self._tx.fetch(sql.DUE, now, limit)]
        persons = [str(one.notice.subject_ref) for one in found if one.notice.subject_ref is not None]
        await self._tx.execute(sql.COUNT_ALONE, persons)
        return found

    async def lock(self, notice_id: UUID) -> Requested | None:
        """Return the notice under its row lock."""
        row = await self._tx.fetchrow(sql.LOCK, notice_id)
        return None if row is None else self._requested(row)

    async def save(self, notice: Notice, told: Sequence[Told], attempt: Attempt | None = None) -> None:
        """Update the notice, record the try and append the events, in one statement."""
        rows = rows_for(notice, told, self._stories[notice.notice_id], self._cause)
        taken_by = self._instance if notice.state is State.SENDING else None
        await self._tx.execute(
            sql.SAVE,
            *_columns(rows),
            notice.notice_id, notice.version, notice.state, notice.reason, notice.channel, list(notice.tried),
            notice.attempts, notice.takes, notice.due_at, notice.sent_at, notice.superseded_at, taken_by, self._now,
            *(_of(attempt) if attempt is not None else (None, None, None, None)),
        )  # fmt: skip

    async def note(self, notice_id: UUID, attempt: Attempt) -> None:
        """Record a try on its own."""
        await self._tx.execute(sql.NOTE, notice_id, *_of(attempt))

    async def receipt(self, notice_id: UUID, channel: str) -> Receipt | None:
        """Return what the carrier has said of this channel already."""
        row = await self._tx.fetchrow(
            "SELECT receipt, receipt_at FROM deliveries WHERE notice_id = $1 AND channel = $2 AND receipt IS NOT NULL",
            notice_id,
            channel,
        )
        return None if row is None else Receipt(row["receipt"] == "delivered", row["receipt_at"])

    async def keep_receipt(self, notice_id: UUID, channel: str, receipt: Receipt) -> bool:
        """Keep the first receipt of a channel; return False for any later one."""
        said = "delivered" if receipt.delivered else "undeliverable"
        return bool(await self._tx.fetchval(sql.KEEP_RECEIPT, notice_id, channel, said, receipt.at))

    async def told_since(self, subject_ref: UUID, since: datetime, *, besides: UUID) -> int:
        """Return how many other notices this person got since then, those being sent included."""
        return int(await self._tx.fetchval(sql.TOLD_SINCE, subject_ref, since, besides))

    async def forget(self, subject_ref: UUID) -> None:
        """Forget whose notices these were."""
        await self._tx.execute(sql.FORGET, subject_ref)
        await self._tx.execute(sql.FORGET_OPT_OUTS, subject_ref)

    async def forget_ended(self, subject_ref: UUID) -> None:
        """Forget whose the notices were that have ended and that nobody else has locked."""
        await self._tx.execute(sql.FORGET_ENDED, subject_ref)
        await self._tx.execute(sql.FORGET_OPT_OUTS, subject_ref)

    def _requested(self, row: asyncpg.Record) -> Requested:
        event = event_kept(row["event_type"], row["event"], row["subject_ref"])
        fact = fact_of(
            event,
            event_id=row["event_id"],
            at=row["event_at"],
            correlation_id=row["correlation_id"],
            subject_ref=row["subject_ref"],
        )
        self._stories[row["notice_id"]] = Story(row["correlation_id"], row["event_id"], row["traceparent"])
        return Requested(_notice(row), fact, row["thread"] or "", row["says"], row["supersede_key"], row["traceparent"])


def _notice(row: asyncpg.Record) -> Notice:
    same = (
        "notice_id", "template", "audience", "due_at", "not_after", "subject_ref", "organisation_id", "referral_id",
        "channel", "attempts", "takes", "version", "sent_at", "superseded_at",
    )  # fmt: skip
    return Notice(
        channels=tuple(row["channels"]),
        tried=tuple(row["tried"]),
        state=State(row["state"]),
        reason=None if row["reason"] is None else Reason(row["reason"]),
        **{name: row[name] for name in same},
    )


def _of(attempt: Attempt) -> tuple[Any, ...]:
    return attempt.channel, attempt.outcome, attempt.reference, attempt.at


def _columns(rows: Sequence[Any]) -> tuple[list[Any], ...]:
    return tuple([getattr(row, name) for row in rows] for name in ("id", "topic", "key", "type", "headers", "payload"))
