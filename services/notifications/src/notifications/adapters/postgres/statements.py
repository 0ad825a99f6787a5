"""The statements that write notices. In each, $1 to $6 are the outbox rows, so that a change and its events are one."""

from __future__ import annotations

# The notice's row is locked by what comes before: positions follow its versions.
EVENTS = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT r.id, r.topic, r.key, r.type, r.headers::jsonb, r.payload
FROM notice, unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[])
    WITH ORDINALITY AS r(id, topic, key, type, headers, payload, n)
ORDER BY r.n
"""

# The primary key: an event that is read again finds its notice there, and tells nothing again.
ADD = f"""
WITH notice AS (
    INSERT INTO notices (notice_id, version, template, audience, state, reason, subject_ref, organisation_id,
        referral_id, channels, channel, tried, attempts, takes, due_at, not_after, thread, says, supersede_key,
        event_id, event_type, event_at, event, correlation_id, traceparent, created_at, changed_at)
    VALUES ($7, $8, $9, $10, $11, $12, $13, $14, $15, $16, NULL, '{{}}', 0, 0, $17, $18, $19, $20, $21, $22, $23, $24,
        $25::jsonb, $26, $27, $28, $28)
    ON CONFLICT (notice_id) DO NOTHING RETURNING notice_id
)
{EVENTS}
"""  # noqa: S608  # a constant of this module

# deliveries' primary key: one row a channel, whoever comes first, a try or a receipt.
SAVE = f"""
WITH notice AS (
    UPDATE notices SET version = $8, state = $9, reason = $10, channel = $11, tried = $12, attempts = $13, takes = $14,
        due_at = $15, sent_at = $16, superseded_at = $17, taken_by = $18, changed_at = $19
    WHERE notice_id = $7 RETURNING notice_id
), delivery AS (
    INSERT INTO deliveries AS d (notice_id, channel, tries, outcome, reference, first_at, last_at)
    SELECT notice_id, $20::text, 1, $21::text, $22::text, $23::timestamptz, $23 FROM notice WHERE $20 IS NOT NULL
    ON CONFLICT (notice_id, channel) DO UPDATE SET tries = d.tries + 1, outcome = excluded.outcome,
        reference = coalesce(excluded.reference, d.reference), first_at = coalesce(d.first_at, excluded.first_at),
        last_at = excluded.last_at
)
{EVENTS}
"""  # noqa: S608  # a constant of this module

NOTE = """
INSERT INTO deliveries AS d (notice_id, channel, tries, outcome, reference, first_at, last_at)
VALUES ($1, $2, 1, $3, $4, $5, $5)
ON CONFLICT (notice_id, channel) DO UPDATE SET tries = d.tries + 1, outcome = excluded.outcome,
    reference = coalesce(excluded.reference, d.reference), first_at = coalesce(d.first_at, excluded.first_at),
    last_at = excluded.last_at
"""

KEEP_RECEIPT = """
INSERT INTO deliveries AS d (notice_id, channel, tries, receipt, receipt_at) VALUES ($1, $2, 0, $3, $4)
ON CONFLICT (notice_id, channel) DO UPDATE SET receipt = excluded.receipt, receipt_at = excluded.receipt_at
    WHERE d.receipt IS NULL
RETURNING true
"""

COLUMNS = """notice_id, version, template, audience, state, reason, subject_ref, organisation_id, referral_id, channels,
    channel, tried, attempts, takes, due_at, not_after, sent_at, superseded_at, thread, says, supersede_key, event_id,
    event_type, event_at, event, correlation_id, traceparent"""

# The primary key's row lock: every change of one notice passes here, one after the other.
LOCK = f"SELECT {COLUMNS} FROM notices WHERE notice_id = $1 FOR UPDATE"  # noqa: S608  # a constant of this module

# notices_due gives the oldest; SKIP LOCKED lets two replicas share the work without waiting for each other.
DUE = f"""
SELECT {COLUMNS} FROM notices
WHERE state IN ('requested', 'held', 'retry', 'fallback', 'sending') AND due_at <= $1
ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""  # noqa: S608  # a constant of this module

# notices_supersede finds them; in one order, so that two events that meet cannot wait for each other.
UNSENT = f"""
SELECT {COLUMNS} FROM notices
WHERE state IN ('requested', 'held', 'retry', 'fallback', 'sending') AND supersede_key = $1 AND template = ANY ($2)
ORDER BY notice_id FOR UPDATE
"""  # noqa: S608  # a constant of this module

# notices_subject finds them.
OF_PERSON = f"""
SELECT {COLUMNS} FROM notices
WHERE subject_ref = $1 AND state IN ('requested', 'held', 'retry', 'fallback', 'sending')
ORDER BY notice_id FOR UPDATE
"""  # noqa: S608  # a constant of this module

# notices_thread gives the newest; one thread is written by one partition at a time, so nothing is locked.
THREAD = """
SELECT says, state IN ('suppressed', 'superseded') AS untold FROM notices
WHERE thread = $1 AND reason IS DISTINCT FROM 'duplicate' ORDER BY position DESC LIMIT $2
"""

# Two workers that count for one person take turns; taken in one order, since a batch counts for several.
COUNT_ALONE = """
SELECT pg_advisory_xact_lock(hashtextextended(person, 0))
FROM (SELECT DISTINCT unnest($1::text[]) AS person ORDER BY person) AS persons
"""

# notices_subject; what is being sent counts as told.
TOLD_SINCE = """
SELECT count(*) FROM notices WHERE subject_ref = $1 AND (sent_at >= $2 OR state = 'sending') AND notice_id <> $3
"""

FORGET = "UPDATE notices SET subject_ref = NULL, thread = NULL WHERE subject_ref = $1"
# What ends here: whoever records another outcome of this person holds that notice, and is never waited for.
FORGET_ENDED = """
UPDATE notices SET subject_ref = NULL, thread = NULL WHERE notice_id IN (
    SELECT notice_id FROM notices
    WHERE subject_ref = $1 AND state NOT IN ('requested', 'held', 'retry', 'fallback', 'sending')
    FOR UPDATE SKIP LOCKED
)
"""
FORGET_OPT_OUTS = "DELETE FROM opt_outs WHERE subject_ref = $1"

# What this replica had in hand when it ended: it is the same one again (static membership), so nobody else has it.
TAKE_BACK = "UPDATE notices SET due_at = $2 WHERE state = 'sending' AND taken_by = $1 AND due_at > $2"
