-- Joint accompaniments: one aggregate of two organisations. Words stand apart, sealed (accompaniment_keys).
CREATE TABLE accompaniments (
    accompaniment_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    status text NOT NULL CHECK (
        status IN ('proposed', 'accepted_by_one', 'active', 'review_due', 'ended', 'refused')
    ),
    referral_id uuid NOT NULL REFERENCES referrals,
    -- The referral's: one story.
    correlation_id uuid NOT NULL,
    subject_ref uuid NOT NULL,
    referrer_id uuid NOT NULL,
    referrer_kind text NOT NULL,
    council_id uuid NOT NULL,
    employment_id uuid NOT NULL,
    commune text NOT NULL,
    accepted_by text[] NOT NULL,
    proposed_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    activated_at timestamptz,
    -- Since when the joint diagnosis holds: the activation, or the last review.
    renewed_at timestamptz,
    -- Terms that come once and have been told.
    terms_told text[] NOT NULL
);
-- One open accompaniment of a referral at most, whatever the code does.
CREATE UNIQUE INDEX accompaniments_open ON accompaniments (referral_id)
    WHERE status IN ('proposed', 'accepted_by_one', 'active', 'review_due');
CREATE INDEX accompaniments_referral ON accompaniments (referral_id);
CREATE INDEX accompaniments_subject ON accompaniments (subject_ref);
-- The two lists, newest first.
CREATE INDEX accompaniments_council ON accompaniments (council_id, proposed_at DESC, accompaniment_id DESC);
CREATE INDEX accompaniments_employment ON accompaniments (employment_id, proposed_at DESC, accompaniment_id DESC);
CREATE INDEX accompaniments_council_status
    ON accompaniments (council_id, status, proposed_at DESC, accompaniment_id DESC);
CREATE INDEX accompaniments_employment_status
    ON accompaniments (employment_id, status, proposed_at DESC, accompaniment_id DESC);

-- The key of what is said in words about one accompaniment. Deleting the row is the erasure: what it seals goes with it.
CREATE TABLE accompaniment_keys (
    accompaniment_id uuid PRIMARY KEY REFERENCES accompaniments,
    wrapped_key bytea NOT NULL
);

-- The shared plan in codes, once somebody has written one. Its words (goals, texts of actions) are in plan_words.
CREATE TABLE accompaniment_plans (
    accompaniment_id uuid PRIMARY KEY REFERENCES accompaniments,
    version bigint NOT NULL,
    actions jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);
CREATE TABLE plan_words (
    accompaniment_id uuid PRIMARY KEY REFERENCES accompaniment_keys ON DELETE CASCADE,
    words bytea NOT NULL
);

-- What each side notes for itself, read and written by that side only; no other table tells that it exists.
CREATE TABLE accompaniment_notes (
    accompaniment_id uuid NOT NULL REFERENCES accompaniment_keys ON DELETE CASCADE,
    side text NOT NULL CHECK (side IN ('council', 'employment_service')),
    note bytea NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (accompaniment_id, side)
);

-- The steps of the whole story after the referral: ours, and those that other services told. No foreign key: another
-- topic promises nothing about what arrives first. Codes and instants only; of a postponement, its instant.
CREATE TABLE story_steps (
    event_id uuid PRIMARY KEY,
    referral_id uuid NOT NULL,
    accompaniment_id uuid NOT NULL,
    -- The accompaniment, the appointment or the enrolment that it happened to, and its version then.
    aggregate_id uuid NOT NULL,
    version bigint NOT NULL,
    at timestamptz NOT NULL,
    step text NOT NULL,
    by text NOT NULL,
    organisation_id uuid,
    starts_at timestamptz,
    modality text,
    action_id uuid,
    session_id uuid,
    rank integer
);
CREATE INDEX story_steps_referral ON story_steps (referral_id, at, aggregate_id, version);
