-- Referrals: who asks whom, where it stands. Who the person is stands apart, sealed (referral_persons).
CREATE TABLE referrals (
    referral_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    status text NOT NULL CHECK (
        status IN ('submitted', 'received', 'under_review', 'overdue', 'accepted', 'declined', 'withdrawn', 'expired')
    ),
    -- The last step the receiver reached: where an overdue referral goes on when it is answered late.
    step text NOT NULL CHECK (step IN ('submitted', 'received', 'under_review')),
    -- The story, on every event of this referral and of what it causes; never told to a caller.
    correlation_id uuid NOT NULL,
    referrer_id uuid NOT NULL,
    referrer_kind text NOT NULL,
    receiver_id uuid NOT NULL,
    commune text NOT NULL,
    themes text[] NOT NULL,
    submitted_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    overdue_at timestamptz
);
-- The two lists, newest first, and their counts by status.
CREATE INDEX referrals_sent ON referrals (referrer_id, submitted_at DESC, referral_id DESC);
CREATE INDEX referrals_asked ON referrals (receiver_id, submitted_at DESC, referral_id DESC);
CREATE INDEX referrals_sent_status ON referrals (referrer_id, status, submitted_at DESC, referral_id DESC);
CREATE INDEX referrals_asked_status ON referrals (receiver_id, status, submitted_at DESC, referral_id DESC);

-- What was typed about the person, under a key of its own: deleting the row, or its key alone, is the erasure.
CREATE TABLE referral_persons (
    referral_id uuid PRIMARY KEY REFERENCES referrals,
    wrapped_key bytea NOT NULL,
    person bytea NOT NULL,
    note bytea
);

-- The steps of a referral, in the order of its versions.
CREATE TABLE referral_history (
    referral_id uuid NOT NULL REFERENCES referrals,
    version bigint NOT NULL,
    at timestamptz NOT NULL,
    status text NOT NULL,
    by text NOT NULL,
    reasons text[],
    declined_by text,
    shareable_with_person boolean,
    PRIMARY KEY (referral_id, version)
);

-- Who the person is to registration. No foreign key: another topic promises nothing about what arrives first.
CREATE TABLE referral_subjects (
    referral_id uuid PRIMARY KEY,
    subject_ref uuid NOT NULL,
    version bigint NOT NULL,
    identified_at timestamptz NOT NULL
);
CREATE INDEX referral_subjects_subject ON referral_subjects (subject_ref);
