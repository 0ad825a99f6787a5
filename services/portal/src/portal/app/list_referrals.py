"""Read an organisation's list, sorted as asked, one page of it.

Sorting needs the whole of what is sorted, so the newest `WINDOW` referrals of the chosen status are read and sorted
here; older ones are reached by filtering, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.app.ports import ReferralDesk
from portal.domain.member import Kind, Member
from portal.domain.referral import SORTS, STATUSES, FirstThing, ReferralLine, first_thing, sort_lines

WINDOW = 200
"""Two calls of the service's largest page: sorted in memory in under a millisecond."""

BATCH = 100
PAGE_LINES = 20
"""About two screens; more would hide the pager."""


@dataclass(frozen=True, slots=True)
class ListAsked:
    """What the address says: filter, criterion, direction and page; all of it optional and corrected, never refused."""

    status: str = ""
    sort: str = "date"
    descending: bool = True
    page: int = 1

    @classmethod
    def read(cls, status: str, sort: str, order: str, page: str) -> ListAsked:
        """Correct whatever an address bar can hold."""
        wanted = sort if sort in SORTS else "date"
        number = int(page) if page.isascii() and page.isdigit() and len(page) <= 4 else 1
        descending = order == "desc" if order in ("asc", "desc") else wanted == "date"
        return cls(status if status in STATUSES else "", wanted, descending, max(number, 1))


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
    pages = max(1, -(-len(shown) // PAGE_LINES))
    number = min(asked.page, pages)
    part = tuple(shown[(number - 1) * PAGE_LINES : number * PAGE_LINES])
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
