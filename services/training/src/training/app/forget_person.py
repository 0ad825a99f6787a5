"""Forget a person who was erased: nothing here says who they are but a reference."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from training.app.ports import Accompaniments, Book
from training.app.withdraw_enrolments import withdraw_enrolments
from training.domain.enrolment import SYSTEM


async def forget_person(subject_ref: UUID, *, accompaniments: Accompaniments, book: Book, now: datetime) -> None:
    """Withdraw what is open, and erase the reference; what is heard of the person later is kept without it."""
    known = await accompaniments.of_person(subject_ref)
    seen = await book.seen(known)
    left = [enrolment.enrolment_id for enrolment in sorted(seen, key=lambda one: one.session_id) if enrolment.is_open]
    await withdraw_enrolments(left, SYSTEM, book=book, now=now)
    await accompaniments.forget(subject_ref)
