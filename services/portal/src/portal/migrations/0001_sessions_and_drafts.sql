-- Browser sessions: only the SHA-256 of the cookie is kept, so that reading this table signs nobody in.
CREATE TABLE sessions (
    token_hash        bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    member_id         uuid        NOT NULL,
    member_label      text        NOT NULL,
    organisation_code text        NOT NULL,
    organisation_name text        NOT NULL,
    organisation_kind text        NOT NULL,
    opened_at         timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Forms being filled in. `sealed` holds personal data, encrypted under `draft_key`, itself wrapped by a key outside the
-- database; both are gone once the referral is sent.
CREATE TABLE drafts (
    draft_id    uuid PRIMARY KEY,
    member_id   uuid        NOT NULL,
    draft_key   bytea,
    sealed      bytea,
    referral_id uuid,
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    CHECK ((sealed IS NULL) = (referral_id IS NOT NULL)),
    CHECK ((sealed IS NULL) = (draft_key IS NULL))
);
CREATE INDEX drafts_of_member ON drafts (member_id, changed_at DESC);
CREATE INDEX drafts_age ON drafts (changed_at);

-- How far each organisation's feed was read; a hint for restarts, never needed for correctness.
CREATE TABLE feed_cursors (
    organisation_code text PRIMARY KEY,
    cursor            text NOT NULL
);
