-- Accompaniments, appointments and enrolments as their latest event left them: what a snapshot says of a referral beside
-- its own state. One of which nothing was read since this table exists is known from its next event on.
CREATE TABLE known_steps (
    step_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('accompaniment', 'appointment', 'enrolment')),
    referral_id uuid NOT NULL,
    version bigint NOT NULL,
    status text NOT NULL,
    open boolean NOT NULL,
    changed_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX known_steps_open ON known_steps (referral_id) WHERE open;
