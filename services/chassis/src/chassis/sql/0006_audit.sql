-- Who read personal data, and why. Services may insert and select, nothing else (see chassis.migrate); each row's hash covers
-- the row and the hash before it, so that a change or a removal by anybody else shows.
CREATE TABLE audit (
    id bigint PRIMARY KEY,
    read_at timestamptz NOT NULL,
    who text NOT NULL,
    organisation_id uuid NOT NULL,
    record_kind text NOT NULL,
    record_id uuid NOT NULL,
    purpose text NOT NULL,
    trace_id text,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX audit_record ON audit (record_id, id);
