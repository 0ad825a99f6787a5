-- Persons: the only store of identity and contact of a registered person, sealed under a key of each person's own.
CREATE TABLE persons (
    subject_ref uuid PRIMARY KEY,
    version bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('draft', 'pre_registered', 'erased')),
    wrapped_key bytea,
    identity bytea,
    contact bytea,
    -- Keyed hash of folded name and birth date. Unique: two referrals of one person at once meet here, and make one person.
    lookup bytea UNIQUE,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- An erased person has nothing left that says who they are, nor that finds them.
    CHECK ((state = 'erased') = (wrapped_key IS NULL AND identity IS NULL AND contact IS NULL AND lookup IS NULL))
);

-- Which person each referral led to: once per referral, whatever is delivered again under another event id.
CREATE TABLE identifications (
    referral_id uuid PRIMARY KEY,
    subject_ref uuid NOT NULL REFERENCES persons,
    outcome text NOT NULL,
    identified_at timestamptz NOT NULL
);
CREATE INDEX identifications_subject ON identifications (subject_ref);
