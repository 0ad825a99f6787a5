"""What the lists share: how an address asks for a part of one, and how much is read and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

WINDOW = 200
"""Two calls of the service's largest page: sorted in memory in under a millisecond."""

BATCH = 100
PAGE_LINES = 20
"""About two screens; more would hide the pager."""

Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class ListAsked:
    """What the address says: filter, criterion, direction and page; all of it optional and corrected, never refused."""

    status: str = ""
    sort: str = "date"
    descending: bool = True
    page: int = 1

    @classmethod
    def read(
        cls, status: str, sort: str, order: str, page: str, *, statuses: Sequence[str], sorts: Sequence[str]
    ) -> ListAsked:
        """Correct whatever an address bar can hold."""
        wanted = sort if sort in sorts else "date"
        number = int(page) if page.isascii() and page.isdigit() and len(page) <= 4 else 1
        descending = order == "desc" if order in ("asc", "desc") else wanted == "date"
        return cls(status if status in statuses else "", wanted, descending, max(number, 1))


def part_of(lines: Sequence[Line], page: int) -> tuple[tuple[Line, ...], int, int]:
    """Return the lines of the page asked for, or of the last one when there are fewer; its number, and how many."""
    pages = max(1, -(-len(lines) // PAGE_LINES))
    number = min(page, pages)
    return tuple(lines[(number - 1) * PAGE_LINES : number * PAGE_LINES]), number, pages
