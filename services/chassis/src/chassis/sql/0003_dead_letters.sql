-- What a consumer could not handle (dead), and the later events of its key that wait behind it (held).
CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    key bytea,
    event_id uuid,
    type text,
    headers jsonb NOT NULL,
    value bytea,
    state text NOT NULL CHECK (state IN ('dead', 'held')),
    cause text NOT NULL,
    attempts integer NOT NULL,
    traceparent text,
    created_at timestamptz NOT NULL,
    -- A redelivered record finds itself here instead of a second row.
    UNIQUE (consumer, topic, partition, "offset")
);
-- Answers "is this key held?" once per batch, and walks a key in order when it is requeued.
-- By digest: a key may be longer than an index entry.
CREATE INDEX dead_letters_key ON dead_letters (consumer, md5(key), id);
