"""Read an organisation's joint accompaniments, those that wait for its answer first.

The newest `WINDOW` of them are read, counted and sorted here; the page says when there are more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from portal.app.listing import BATCH, WINDOW, ListAsked, part_of
from portal.app.ports import AccompanimentDesk
from portal.domain.accompaniment import AccompanimentLine, sort_lines
from portal.domain.member import Member


@dataclass(frozen=True, slots=True)
class AccompanimentsShown:
    """One page of the list, with what comes first: how many wait for the reader, and the oldest of them."""

    lines: tuple[AccompanimentLine, ...]
    waiting: int
    oldest: AccompanimentLine | None
    page: int
    pages: int
    total: int
    cut: bool
    counts: dict[str, int]


async def list_accompaniments(desk: AccompanimentDesk, member: Member, asked: ListAsked) -> AccompanimentsShown:
    """Return the page asked for, or the last one when there are fewer."""
    lines: list[AccompanimentLine] = []
    cursor = ""
    while True:
        page = await desk.page(member, status="", after=cursor, limit=BATCH)
        lines += page.lines
        cursor = page.cursor
        if not cursor or not page.lines or len(lines) >= WINDOW:
            break
    waiting = [line for line in lines if line.waiting_for_me]
    chosen = [line for line in lines if asked.status in ("", line.status)]
    part, number, pages = part_of(sort_lines(chosen, asked.sort, descending=asked.descending), asked.page)
    return AccompanimentsShown(
        lines=part,
        waiting=len(waiting),
        oldest=min(waiting, key=lambda line: line.proposed_at, default=None),
        page=number,
        pages=pages,
        total=len(chosen),
        cut=bool(cursor),
        counts=dict(Counter(line.status for line in lines)),
    )
