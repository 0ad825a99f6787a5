-- Organisations that take part, and those of our own services and operators (kinds service and operator).
CREATE TABLE organisations (
    organisation_id uuid PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9]{2,20}$'),
    kind text NOT NULL CHECK (kind IN ('association', 'council', 'operator', 'service')),
    name text NOT NULL,
    phone text NOT NULL,
    postal_address text NOT NULL,
    territory jsonb NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    correlation_id uuid NOT NULL,
    changed_at timestamptz NOT NULL
);

-- Secrets are random 256-bit values, so a plain SHA-256 of them cannot be searched.
CREATE TABLE clients (
    client_id text PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    secret_sha256 bytea NOT NULL CHECK (octet_length(secret_sha256) = 32),
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX clients_organisation ON clients (organisation_id);

-- A post or a role that signs in, never a person's name.
CREATE TABLE members (
    member_id uuid PRIMARY KEY,
    organisation_id uuid NOT NULL REFERENCES organisations,
    role text NOT NULL CHECK (role IN ('volunteer', 'caseworker')),
    label text NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (organisation_id, label)
);

-- The row that serialises one organisation's stream: positions are given out while it is locked.
CREATE TABLE partner_stream (
    organisation_id uuid PRIMARY KEY REFERENCES organisations,
    code text NOT NULL UNIQUE,
    topic text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('association', 'council')),
    last_position bigint NOT NULL DEFAULT 0,
    -- Rows up to here have been written to the outbox for the organisation's own topic.
    kafka_position bigint NOT NULL DEFAULT 0,
    -- Set: the projection writes to the topic too, and kafka_position is no longer kept.
    kafka_ready_at timestamptz
) WITH (fillfactor = 50);
-- fillfactor: last_position changes with every batch; the new version stays on its page, without index writes.

-- A council's territory, expanded. Read under the scope gate (see app/project_events.py).
CREATE TABLE stream_communes (
    commune text NOT NULL,
    organisation_id uuid NOT NULL REFERENCES partner_stream,
    PRIMARY KEY (commune, organisation_id)
);
CREATE INDEX stream_communes_organisation ON stream_communes (organisation_id);

-- One organisation's events, gapless from 1; headers and payload are the record's bytes on its topic.
CREATE TABLE stream_events (
    organisation_id uuid NOT NULL REFERENCES partner_stream,
    position bigint NOT NULL CHECK (position >= 1),
    event_id uuid NOT NULL,
    ce_type text NOT NULL,
    subject text NOT NULL,
    headers jsonb NOT NULL,
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, position),
    -- Finds what a stream holds already, and refuses an event twice should everything before fail to notice.
    UNIQUE (event_id, organisation_id)
);
-- Finds the last thing an organisation was told about an aggregate, and everybody who was told about a person.
CREATE INDEX stream_events_subject ON stream_events (subject, organisation_id, position);

-- Each referral as its latest event left it: what a snapshot says, and what a narrowing takes away.
CREATE TABLE known_referrals (
    referral_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    status text NOT NULL,
    open boolean NOT NULL,
    commune text NOT NULL,
    referrer_organisation_id uuid NOT NULL,
    receiver_organisation_id uuid NOT NULL,
    sender_kind text NOT NULL,
    -- Null until the submission has been seen: such a referral has no snapshot yet.
    themes text[],
    submitted_at timestamptz,
    changed_at timestamptz NOT NULL,
    correlation_id uuid NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX known_referrals_commune ON known_referrals (commune, open);

-- What an operator wants of an organisation's access to Kafka, and how far it has come.
CREATE TABLE kafka_accesses (
    organisation_id uuid PRIMARY KEY REFERENCES partner_stream,
    state text NOT NULL CHECK (state IN ('requested', 'granted', 'revoking', 'revoked')),
    -- The password, sealed, and the wrapped key that opens it: forgotten once the broker has it.
    sealed_password bytea,
    sealing_key bytea,
    changed_at timestamptz NOT NULL,
    CHECK ((sealed_password IS NOT NULL) = (state = 'requested')),
    CHECK ((sealing_key IS NOT NULL) = (state = 'requested'))
);
