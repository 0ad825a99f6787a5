-- Webhooks: an organisation's own stream, pushed to an address of its own.
CREATE TABLE webhooks (
    webhook_id uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES partner_stream,
    url text NOT NULL,
    -- Null: every type.
    event_types text[],
    state text NOT NULL CHECK (state IN ('pending', 'active', 'paused', 'disabled')),
    reason text,
    -- Everything up to here has been delivered, or is a row of webhook_waiting.
    position bigint NOT NULL,
    -- A range that is sent again: what is left of it. Null when there is none.
    replay_position bigint,
    replay_until bigint,
    -- Failures since the last success; nothing new is tried before probe_after, nothing at all before quiet_until.
    failures integer NOT NULL DEFAULT 0,
    probe_after timestamptz,
    quiet_until timestamptz,
    last_success_at timestamptz,
    -- Counts what people changed: the replica that delivers lets go and reads anew.
    revision bigint NOT NULL DEFAULT 1,
    -- The replica that delivers, until when (PostgreSQL's clock), and which lease of this webhook it is.
    holder uuid,
    lease_until timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CHECK ((replay_position IS NULL) = (replay_until IS NULL))
) WITH (fillfactor = 50);
CREATE INDEX webhooks_organisation ON webhooks (organisation_id, webhook_id);

-- Several live during a rotation; sealed, because they sign and so must be read again.
CREATE TABLE webhook_secrets (
    secret_id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    sealed bytea NOT NULL,
    sealing_key bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE INDEX webhook_secrets_webhook ON webhook_secrets (webhook_id);

-- Only what could not be delivered yet, and what waits behind it under the same aggregate.
CREATE TABLE webhook_waiting (
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    position bigint NOT NULL,
    -- Asked for by somebody, of an event that may have been delivered before.
    again boolean NOT NULL,
    event_id uuid NOT NULL,
    ce_type text NOT NULL,
    subject text NOT NULL,
    attempts integer NOT NULL,
    first_at timestamptz NOT NULL,
    -- Null: behind an earlier event of its aggregate.
    due_at timestamptz,
    PRIMARY KEY (webhook_id, position, again)
);
-- Finds who has something due.
CREATE INDEX webhook_waiting_due ON webhook_waiting (webhook_id, due_at) WHERE due_at IS NOT NULL;

-- The delivery log: one row an attempt, kept for LOG_DAYS.
CREATE TABLE webhook_attempts (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event_id uuid NOT NULL,
    ce_type text NOT NULL,
    position bigint,
    kind text NOT NULL CHECK (kind IN ('event', 'again', 'test', 'challenge')),
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    took_ms integer NOT NULL,
    outcome text NOT NULL,
    status integer,
    answer text NOT NULL,
    next_at timestamptz
);
CREATE INDEX webhook_attempts_webhook ON webhook_attempts (webhook_id, attempt_id DESC);
CREATE INDEX webhook_attempts_at ON webhook_attempts (at);
