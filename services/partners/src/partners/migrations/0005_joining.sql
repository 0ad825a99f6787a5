-- A client may have two live secrets, so that one replaces the other without a gap. A revoked one stays, for the record.
CREATE TABLE client_secrets (
    secret_id uuid PRIMARY KEY,
    client_id text NOT NULL REFERENCES clients,
    -- Secrets are random 256-bit values, so a plain SHA-256 of them cannot be searched.
    secret_sha256 bytea NOT NULL CHECK (octet_length(secret_sha256) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    -- Written at most once a minute.
    last_used_at timestamptz,
    UNIQUE (client_id, secret_sha256)
) WITH (fillfactor = 80);
INSERT INTO client_secrets (secret_id, client_id, secret_sha256, created_at)
SELECT gen_random_uuid(), client_id, secret_sha256, created_at FROM clients;
ALTER TABLE clients DROP COLUMN secret_sha256;

-- What a member's tokens are issued on: it changes with the role, and the old one is refused everywhere.
ALTER TABLE members
    ADD COLUMN grant_id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    DROP CONSTRAINT members_role_check,
    ADD CONSTRAINT members_role_check CHECK (
        role IN ('volunteer', 'caseworker', 'adviser', 'trainer', 'manager', 'operator'));

-- Requests to join. Nothing in clear says who asked: the address and the link are sealed together, and forgotten with
-- their key; the hashes find a link that is shown, and an address that asks again.
CREATE TABLE join_requests (
    join_request_id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('unconfirmed', 'confirmed', 'approved', 'refused', 'expired')),
    version bigint NOT NULL CHECK (version >= 1),
    kind text NOT NULL,
    name text NOT NULL,
    legal_number text NOT NULL,
    territory jsonb NOT NULL,
    phone text NOT NULL,
    postal_address text NOT NULL,
    language text NOT NULL CHECK (language IN ('fr', 'en')),
    sandbox boolean NOT NULL,
    correlation_id uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    decided_at timestamptz,
    due_at timestamptz NOT NULL,
    organisation_id uuid REFERENCES organisations,
    refusal_reason text,
    client_id text REFERENCES clients,
    test_event_ids uuid[] NOT NULL DEFAULT '{}',
    link_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(link_sha256) = 32),
    sealed_contact bytea,
    sealing_key bytea,
    contact_lookup bytea,
    CHECK ((state = 'approved') = (organisation_id IS NOT NULL)),
    CHECK ((sealed_contact IS NULL) = (sealing_key IS NULL))
);
-- Operators' list, oldest first within a state; and how often an address asked.
CREATE INDEX join_requests_state ON join_requests (state, asked_at, join_request_id);
CREATE INDEX join_requests_contact ON join_requests (contact_lookup, asked_at) WHERE contact_lookup IS NOT NULL;
