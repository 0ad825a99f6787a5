"""What operators see of dead letters: pages, causes, one letter; never bytes of an event.

Answers are bounded, whatever waits. A cause is named by a short group, so that it need not be typed.
"""

from __future__ import annotations

from chassis.db import Tx
from chassis.dead_letters import printable, uuid_or_none
from chassis.records import headers_from_json

HEADERS_SHOWN = 50
PAGE_MAX = 500
"""Rows in one answer."""

# dead_letters_pkey, in order. A group is a short name for one cause of one type in one consumer.
LIST = """
SELECT id, consumer, topic, partition, "offset", event_id, type, state, cause, attempts, created_at,
    left(md5(concat_ws(chr(31), consumer, cause, type)), 10) AS group
FROM dead_letters
WHERE id > $1 AND ($3::text IS NULL OR consumer = $3) AND ($4::text IS NULL OR state = $4)
    AND ($5::text IS NULL OR left(md5(concat_ws(chr(31), consumer, cause, type)), 10) = $5)
ORDER BY id LIMIT $2
"""


async def list_letters(
    tx: Tx, after: int, limit: int, *, consumer: str | None = None, state: str | None = None, group: str | None = None
) -> list[dict[str, object]]:
    """Return letters for an operator, the oldest first: ids, types, causes and positions; never bytes."""
    return [dict(row) for row in await tx.fetch(LIST, after, min(limit, PAGE_MAX), consumer, state, group)]


# One line a cause: the first letter of each key decides, those behind it are counted. Orphans of an interrupted
# requeue are a group too. One pass over the table, sorted by key; keyless letters stand alone.
GROUPS = """
SELECT left(md5(concat_ws(chr(31), consumer, cause, type)), 10) AS group, consumer, cause, type, state,
    count(*) AS keys, sum(behind)::bigint AS held, min(id) AS first_id, min(created_at) AS first_at,
    max(created_at) AS last_at
FROM (
    SELECT *, count(*) OVER same_key - 1 AS behind, row_number() OVER (same_key ORDER BY id) AS place
    FROM dead_letters WINDOW same_key AS (PARTITION BY consumer, key, CASE WHEN key IS NULL THEN id END)
) AS letters
WHERE place = 1
GROUP BY consumer, cause, type, state ORDER BY keys DESC, consumer, cause, type LIMIT $1
"""


async def group_letters(tx: Tx, limit: int) -> list[dict[str, object]]:
    """Return the causes, the most frequent first, with how many keys each holds back and how many events wait."""
    return [dict(row) for row in await tx.fetch(GROUPS, min(limit, PAGE_MAX))]


# The first letter of each key: dead_letters_key answers "is there an earlier one?" with one look.
HEADS = """
SELECT id, consumer FROM dead_letters d
WHERE id > $1 AND ($3::text IS NULL OR left(md5(concat_ws(chr(31), consumer, cause, type)), 10) = $3) AND (
    key IS NULL OR NOT EXISTS (
        SELECT FROM dead_letters e
        WHERE e.consumer = d.consumer AND md5(e.key) = md5(d.key) AND e.key = d.key AND e.id < d.id
    )
)
ORDER BY id LIMIT $2
"""


async def heads(tx: Tx, after: int, limit: int, group: str | None) -> list[tuple[int, str]]:
    """Return the letters that hold their keys back, the oldest first, each with its consumer."""
    return [(row["id"], row["consumer"]) for row in await tx.fetch(HEADS, after, min(limit, PAGE_MAX), group)]


SHOW = """
SELECT d.*, left(md5(concat_ws(chr(31), consumer, cause, type)), 10) AS group,
    (SELECT min(e.id) FROM dead_letters e
     WHERE e.consumer = d.consumer AND md5(e.key) = md5(d.key) AND e.key = d.key) AS first_of_key,
    (SELECT count(*) FROM dead_letters e
     WHERE e.consumer = d.consumer AND md5(e.key) = md5(d.key) AND e.key = d.key AND e.id > d.id) AS behind
FROM dead_letters d WHERE id = $1
"""


async def show_letter(tx: Tx, letter_id: int) -> dict[str, object] | None:
    """Return all that may be shown of a letter: sizes and names instead of bytes, a key only when it is an id."""
    row = await tx.fetchrow(SHOW, letter_id)
    if row is None:
        return None
    hidden = ("key", "headers", "value", "traceparent")
    key, value = row["key"], row["value"]
    first = row["first_of_key"] or letter_id
    return {
        **{name: found for name, found in row.items() if name not in hidden},
        "first_of_key": first,
        "trace_id": row["traceparent"].split("-")[1] if _is_trace(row["traceparent"]) else None,
        "key": None if key is None else uuid_or_none(key.decode("ascii", "replace")),
        "key_bytes": None if key is None else len(key),
        "value_bytes": None if value is None else len(value),
        "header_names": [printable(name) for name, _ in headers_from_json(row["headers"])][:HEADERS_SHOWN],
    }


def _is_trace(text: str | None) -> bool:
    return text is not None and text.count("-") == 3
