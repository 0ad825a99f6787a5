"""What the relay asks of the outbox; every statement reads as many rows as it answers, however long the backlog."""

from __future__ import annotations

# outbox_pkey gives the lowest positions; rows in memory are passed over. Ranges are searched by halves, an array from
# its beginning for every row. Sizes of stored values are known without reading them: at most $3 bytes and one row are.
TAKE = """
SELECT position, aggregatetype, aggregateid, headers, payload, created_at FROM (
    SELECT *, sum(octet_length(payload)) OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        AS bytes_before
    FROM (
        SELECT position, aggregatetype, aggregateid, headers, payload, created_at FROM outbox
        WHERE NOT position <@ $1::int8multirange ORDER BY position LIMIT $2
    ) AS lowest
) AS sized WHERE coalesce(bytes_before, 0) < $3 ORDER BY position
"""
# Where some topics hold all they may: the lowest positions of each of the others, by outbox_by_topic. By position alone
# a million rows of a full topic would be walked over to find that nothing else is there.
TAKE_PAST = """
WITH RECURSIVE topics AS (
    (SELECT aggregatetype FROM outbox ORDER BY aggregatetype LIMIT 1)
    UNION ALL
    SELECT (SELECT o.aggregatetype FROM outbox o WHERE o.aggregatetype > t.aggregatetype ORDER BY 1 LIMIT 1)
    FROM topics t WHERE t.aggregatetype IS NOT NULL
), others AS MATERIALIZED (
    SELECT aggregatetype FROM topics WHERE aggregatetype IS NOT NULL AND aggregatetype <> ALL ($4::text[])
)
SELECT position, aggregatetype, aggregateid, headers, payload, created_at FROM (
    SELECT *, sum(octet_length(payload)) OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        AS bytes_before
    FROM (
        SELECT lowest.* FROM others CROSS JOIN LATERAL (
            SELECT o.position, o.aggregatetype, o.aggregateid, o.headers, o.payload, o.created_at FROM outbox o
            WHERE o.aggregatetype = others.aggregatetype AND NOT o.position <@ $1::int8multirange
            ORDER BY o.position LIMIT greatest(1, $2 / (SELECT count(*) FROM others))
        ) AS lowest ORDER BY position LIMIT $2
    ) AS shared
) AS sized WHERE coalesce(bytes_before, 0) < $3 ORDER BY position
"""
FORGET = "DELETE FROM outbox WHERE position = ANY ($1::bigint[])"

# The whole key moves: what follows a refused row must not overtake it.
PARK = """
WITH moved AS (
    DELETE FROM outbox WHERE aggregatetype = $1 AND aggregateid = $2 AND position >= $3 RETURNING *
)
INSERT INTO outbox_parked (position, id, aggregatetype, aggregateid, type, headers, payload, created_at, cause)
SELECT position, id, aggregatetype, aggregateid, type, headers, payload, created_at, $4 FROM moved
"""
# Only behind what is parked still: an operator may have put the key back since we looked.
PARK_BEHIND = """
WITH moved AS (
    DELETE FROM outbox WHERE aggregatetype = $1 AND aggregateid = $2 AND position >= $3
        AND EXISTS (SELECT FROM outbox_parked WHERE aggregatetype = $1 AND aggregateid = $2)
    RETURNING *
)
INSERT INTO outbox_parked (position, id, aggregatetype, aggregateid, type, headers, payload, created_at, cause)
SELECT position, id, aggregatetype, aggregateid, type, headers, payload, created_at, 'behind a refused event' FROM moved
"""
PARKED_KEYS = "SELECT DISTINCT aggregatetype, aggregateid FROM outbox_parked"

UNPARK = """
WITH moved AS (DELETE FROM outbox_parked WHERE aggregatetype = $1 AND aggregateid = $2 RETURNING *)
INSERT INTO outbox (position, id, aggregatetype, aggregateid, type, headers, payload, created_at)
OVERRIDING SYSTEM VALUE
SELECT position, id, aggregatetype, aggregateid, type, headers, payload, created_at FROM moved
"""
