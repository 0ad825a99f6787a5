-- Joint accompaniments as `referrals` last told of them; an older version never replaces a newer one.
CREATE TABLE known_accompaniments (
    accompaniment_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    status text NOT NULL CHECK (
        status IN ('proposed', 'accepted_by_one', 'active', 'review_due', 'ended', 'refused')
    ),
    subject_ref uuid NOT NULL REFERENCES persons,
    referral_id uuid NOT NULL,
    -- The story, on every event that follows from this accompaniment.
    correlation_id uuid NOT NULL,
    -- Its routing: what every event of an appointment copies.
    commune text NOT NULL,
    referrer_id uuid NOT NULL,
    referrer_kind text NOT NULL,
    council_id uuid NOT NULL,
    employment_id uuid
);
CREATE INDEX known_accompaniments_subject ON known_accompaniments (subject_ref);

-- How much support is due to a person, and how that came about: one row for each change, under the person's version.
CREATE TABLE tiers (
    subject_ref uuid NOT NULL REFERENCES persons,
    version bigint NOT NULL,
    tier text CHECK (tier IN ('self_directed', 'guided', 'reinforced', 'joint')),
    previous_tier text,
    reason text NOT NULL,
    accompaniment_id uuid NOT NULL,
    referral_id uuid NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (subject_ref, version)
);

-- What went from whom to whom, once for each referral, accompaniment or enrolment: the person may see it.
CREATE TABLE sharings (
    what text NOT NULL CHECK (what IN ('referral', 'accompaniment', 'training')),
    source_id uuid NOT NULL,
    subject_ref uuid NOT NULL REFERENCES persons,
    at timestamptz NOT NULL,
    from_ids uuid[] NOT NULL,
    to_id uuid NOT NULL,
    PRIMARY KEY (what, source_id)
);
CREATE INDEX sharings_subject ON sharings (subject_ref, at);

-- Appointments as they stand. No column says when, why or by whom one was last changed: postponing leaves its date in
-- appointment_dates, and nothing else anywhere.
CREATE TABLE appointments (
    appointment_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    state text NOT NULL CHECK (
        state IN ('proposed', 'booked', 'postponed', 'held', 'missed', 'cancelled_by_person', 'cancelled_by_service')
    ),
    accompaniment_id uuid NOT NULL REFERENCES known_accompaniments,
    subject_ref uuid NOT NULL REFERENCES persons,
    organiser_id uuid NOT NULL,
    -- The accompaniment's two organisations, copied for their agendas.
    council_id uuid NOT NULL,
    employment_id uuid,
    modality text NOT NULL CHECK (modality IN ('in_person', 'phone', 'video', 'chat')),
    duration_minutes integer NOT NULL,
    -- Free text, sealed under the person's key.
    place bytea,
    -- The dates offered that nobody has taken.
    options timestamptz[] NOT NULL,
    -- The date that holds or held; none while another is looked for.
    starts_at timestamptz,
    CHECK (state NOT IN ('booked', 'held', 'missed') OR starts_at IS NOT NULL),
    CHECK (state NOT IN ('proposed', 'postponed') OR starts_at IS NULL)
);
-- The two agendas: by date, then those without one.
CREATE INDEX appointments_council
    ON appointments (council_id, (coalesce(starts_at, 'infinity'::timestamptz)), appointment_id);
CREATE INDEX appointments_employment
    ON appointments (employment_id, (coalesce(starts_at, 'infinity'::timestamptz)), appointment_id);
CREATE INDEX appointments_subject ON appointments (subject_ref);
CREATE INDEX appointments_accompaniment ON appointments (accompaniment_id);

-- The dates that were agreed and no longer hold: all that postponing leaves.
CREATE TABLE appointment_dates (
    appointment_id uuid NOT NULL REFERENCES appointments ON DELETE CASCADE,
    starts_at timestamptz NOT NULL,
    PRIMARY KEY (appointment_id, starts_at)
);
