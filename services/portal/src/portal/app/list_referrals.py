"""Read an organisation's list, sorted as asked, one page of it.

Sorting needs the whole of what is sorted, so the newest `WINDOW` referrals of the chosen status are read and sorted
here; older ones are reached by filtering, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.app.listing import BATCH, WINDOW, ListAsked, part_of
from portal.app.ports import ReferralDesk
from portal.domain.member import Kind, Member
from portal.domain.referral import FirstThing, ReferralLine, first_thing, sort_lines


@dataclass(frozen=True, slots=True)
class ListShown:
    """One page of the list, with what comes first."""

    lines: tuple[ReferralLine, ...]
    first: FirstThing
    oldest: ReferralLine | None
    page: int
    pages: int
    total: int
    cut: bool
    counts: dict[str, int]


async def list_referrals(desk: ReferralDesk, member: Member, asked: ListAsked) -> ListShown:
    """Return the page asked for, or the last one when there are fewer."""
    lines: list[ReferralLine] = []
    cursor, counts = "", {}
    while True:
        page = await desk.page(member, status=asked.status, after=cursor, limit=BATCH)
        lines += page.lines
        cursor, counts = page.cursor, dict(page.counts)
        if not cursor or not page.lines or len(lines) >= WINDOW:
            break
    first = first_thing(counts)
    oldest = await _oldest(desk, member, first, lines) if member.kind is Kind.COUNCIL else None
    total = counts.get(asked.status, 0) if asked.status else sum(counts.values())
    shown = sort_lines(lines, asked.sort, descending=asked.descending)
    part, number, pages = part_of(shown, asked.page)
    return ListShown(part, first, oldest, number, pages, total, total > len(lines), counts)


async def _oldest(
    desk: ReferralDesk, member: Member, first: FirstThing, lines: list[ReferralLine]
) -> ReferralLine | None:
    """Return the referral to answer first: the oldest of the most pressing status."""
    if not first.count:
        return None
    group = [line for line in lines if line.status == first.status]
    if not group:
        group = list((await desk.page(member, status=first.status, after="", limit=BATCH)).lines)
    return min(group, key=lambda line: line.submitted_at, default=None)
