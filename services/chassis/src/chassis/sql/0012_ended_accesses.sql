-- On what no token is believed any more: a secret that was revoked, a member's role that ended. A token lives five
-- minutes, so rows are deleted after ten (see directory.py).
CREATE TABLE ended_accesses (
    grant_id uuid PRIMARY KEY,
    ended_at timestamptz NOT NULL
);
CREATE INDEX ended_accesses_ended_at ON ended_accesses (ended_at);
-- The few of the last minutes are looked for every two seconds.
CREATE INDEX revoked_clients_revoked_at ON revoked_clients (revoked_at);
