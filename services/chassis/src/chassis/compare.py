"""Compare what two databases hold of a projection, by hashes: counts come out, values never do.

Both sides are read in order of the hash of their keys, a row at a time, so that memory does not grow with the table.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any

import asyncpg

from chassis.projections import Projection

ROWS_AT_A_TIME = 5_000

SESSION = {
    "TimeZone": "UTC", "DateStyle": "ISO", "IntervalStyle": "postgres", "bytea_output": "hex",
    "extra_float_digits": "1", "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on", "application_name": "replay",
}  # fmt: skip
"""The same text for the same value on both sides, one snapshot for all tables, and nothing written."""

# Hexadecimal digits sort alike in Python and under collation C.
HASHED = """
SELECT md5(rows.key::text) AS key, md5(rows::text) AS row FROM (:rows) AS rows
ORDER BY md5(rows.key::text) COLLATE "C"
"""


@dataclass(slots=True)
class Compared:
    """How one projection compares."""

    table: str
    live: int = 0
    rebuilt: int = 0
    same: int = 0
    different: int = 0
    only_live: int = 0
    only_rebuilt: int = 0
    live_hash: str = ""
    rebuilt_hash: str = ""

    @property
    def equal(self) -> bool:
        return self.live_hash == self.rebuilt_hash

    @property
    def contained(self) -> bool:
        """Whether all that was rebuilt is in the live table as it is."""
        return self.different == 0 and self.only_rebuilt == 0

    def document(self) -> dict[str, Any]:
        return asdict(self) | {"equal": self.equal}


async def connect(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    """Open a connection that only reads, without the limits of a service's statements: tables may be large."""
    return await asyncpg.connect(dsn, timeout=10, server_settings=SESSION)


async def compare(
    live: asyncpg.Connection[asyncpg.Record], rebuilt: asyncpg.Connection[asyncpg.Record], projection: Projection
) -> Compared:
    """Compare one projection, inside the transactions that both connections have open."""
    found = Compared(projection.table)
    left, right = _rows(live, projection), _rows(rebuilt, projection)
    left_hash, right_hash = hashlib.sha256(), hashlib.sha256()
    ours, theirs = await anext(left, None), await anext(right, None)
    while ours is not None or theirs is not None:
        if ours is not None and (theirs is None or ours[0] <= theirs[0]):
            found.live += 1
            left_hash.update((ours[0] + ours[1]).encode())
        if theirs is not None and (ours is None or theirs[0] <= ours[0]):
            found.rebuilt += 1
            right_hash.update((theirs[0] + theirs[1]).encode())
        if theirs is None or (ours is not None and ours[0] < theirs[0]):
            found.only_live += 1
            ours = await anext(left, None)
        elif ours is None or theirs[0] < ours[0]:
            found.only_rebuilt += 1
            theirs = await anext(right, None)
        else:
            found.same += ours[1] == theirs[1]
            found.different += ours[1] != theirs[1]
            ours, theirs = await anext(left, None), await anext(right, None)
    found.live_hash, found.rebuilt_hash = left_hash.hexdigest(), right_hash.hexdigest()
    return found


async def _rows(
    connection: asyncpg.Connection[asyncpg.Record], projection: Projection
) -> AsyncIterator[tuple[str, str]]:
    # The SELECT is a constant of the service's own code.
    statement = HASHED.replace(":rows", projection.rows)
    async for row in connection.cursor(statement, prefetch=ROWS_AT_A_TIME):
        yield row["key"], row["row"]
