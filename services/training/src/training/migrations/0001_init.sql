-- Sessions: what is offered, and how many of its seats are taken.
CREATE TABLE sessions (
    session_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'cancelled')),
    -- The session's own story; enrolments have that of their accompaniment.
    correlation_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    title text NOT NULL,
    theme text NOT NULL,
    commune text NOT NULL,
    seats integer NOT NULL CHECK (seats BETWEEN 0 AND 1000),
    hours integer NOT NULL CHECK (hours BETWEEN 1 AND 2000),
    starts_at timestamptz NOT NULL,
    place text NOT NULL,
    -- Held, offered, confirmed and attending. Changed by the statement that changes the enrolments, by a difference: even
    -- somebody who had not locked the row would be refused the seat too many.
    taken integer NOT NULL DEFAULT 0,
    waiting integer NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    opened_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT sessions_taken_within_seats CHECK (taken BETWEEN 0 AND seats)
);
-- The list of what can be asked for, the soonest first.
CREATE INDEX sessions_upcoming ON sessions (starts_at, session_id) WHERE status = 'open';

-- Joint accompaniments as their events describe them. The one place that holds a reference of a person.
CREATE TABLE known_accompaniments (
    accompaniment_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    status text NOT NULL CHECK (
        status IN ('proposed', 'accepted_by_one', 'active', 'review_due', 'ended', 'refused')
    ),
    referral_id uuid NOT NULL,
    -- NULL once the person was erased.
    subject_ref uuid,
    correlation_id uuid NOT NULL,
    commune text NOT NULL,
    referrer_id uuid NOT NULL,
    sender_kind text NOT NULL,
    council_id uuid NOT NULL,
    employment_id uuid
);
CREATE INDEX known_accompaniments_subject ON known_accompaniments (subject_ref);

-- Who was erased, as keyed hashes: what is heard of them later is kept without the reference.
CREATE TABLE erased_subjects (digest bytea PRIMARY KEY);

-- Places on waiting lists, in the order in which people join them: one sequence for all, so that whoever goes from the list of
-- a cancelled session to the next one's stays before those who join that later.
CREATE SEQUENCE enrolment_places;

CREATE TABLE enrolments (
    enrolment_id uuid PRIMARY KEY,
    version bigint NOT NULL,
    status text NOT NULL CHECK (
        status IN (
            'ineligible', 'seat_held', 'waitlisted', 'seat_offered', 'offer_expired', 'confirmed', 'attending',
            'completed', 'dropped_out', 'no_show', 'refused_by_person', 'refused_by_third_party', 'withdrawn'
        )
    ),
    -- No foreign key: a plan may name a session that does not exist, and is told so.
    session_id uuid NOT NULL,
    asked_session_id uuid NOT NULL,
    accompaniment_id uuid NOT NULL REFERENCES known_accompaniments,
    action_id uuid NOT NULL,
    planned boolean NOT NULL,
    requested_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- The list it waits on: its session's, or that of the organisation's theme once its session was cancelled.
    waits_on uuid,
    place bigint,
    offer_expires_at timestamptz,
    UNIQUE (accompaniment_id, action_id, asked_session_id),
    CHECK ((status = 'waitlisted') = (waits_on IS NOT NULL AND place IS NOT NULL)),
    CHECK ((status = 'seat_offered') = (offer_expires_at IS NOT NULL))
);
-- Who is next on a list, and how many are before somebody.
CREATE INDEX enrolments_lists ON enrolments (waits_on, place) WHERE status = 'waitlisted';
-- Those of a session, the earliest request first. Those of an accompaniment have the unique index above.
CREATE INDEX enrolments_session ON enrolments (session_id, requested_at, enrolment_id);

-- The steps of an enrolment, in the order of its versions.
CREATE TABLE enrolment_history (
    enrolment_id uuid NOT NULL REFERENCES enrolments,
    version bigint NOT NULL,
    at timestamptz NOT NULL,
    status text NOT NULL,
    by text NOT NULL,
    session_id uuid NOT NULL,
    rank integer,
    reason text,
    PRIMARY KEY (enrolment_id, version)
);
