"""The effect that every consumer of the bench has: one row an event, in a table where a second one would show."""

from __future__ import annotations

TABLE = """
CREATE TABLE effects (
    event_id uuid NOT NULL, referral_id uuid NOT NULL, version bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

INSERT = "INSERT INTO effects (event_id, referral_id, version) VALUES ($1, $2, $3)"

INSERT_MANY = """
INSERT INTO effects (event_id, referral_id, version) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])
"""
