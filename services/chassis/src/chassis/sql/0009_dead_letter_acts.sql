-- What operators did with dead letters: who, when, why. Services may insert and select, nothing else (see chassis.migrate).
-- Of bytes that were replaced, their SHA-256 alone: what they were is in the source topic for as long as that keeps it.
CREATE TABLE dead_letter_acts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    act text NOT NULL CHECK (act IN ('corrected', 'requeued', 'value_read')),
    who text NOT NULL,
    organisation_id uuid NOT NULL,
    why text NOT NULL,
    -- The letter as it was then; null for an act on all of a group, which `selection` names.
    letter_id bigint,
    consumer text,
    topic text,
    partition integer,
    "offset" bigint,
    event_id uuid,
    cause text,
    selection text,
    sha256_before bytea,
    sha256_after bytea
);
CREATE INDEX dead_letter_acts_letter ON dead_letter_acts (letter_id, id);
