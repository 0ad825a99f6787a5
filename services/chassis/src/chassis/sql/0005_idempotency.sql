-- What was answered to a request that carried an Idempotency-Key. Holds a keyed hash of the request's body,
-- never the body, and an answer without personal data. The primary key is what two requests meet at.
CREATE TABLE idempotency_keys (
    client_id text NOT NULL,
    route text NOT NULL,
    key text NOT NULL,
    body_hmac bytea NOT NULL,
    status smallint NOT NULL,
    resource_id uuid,
    location text,
    response jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, route, key)
);
-- Serves the purge.
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
