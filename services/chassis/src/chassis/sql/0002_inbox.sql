-- The primary key is the lock: two deliveries of one event meet here, and the second waits for how the first ends.
CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
-- BRIN: rows arrive in time order and are only ever purged by age.
CREATE INDEX inbox_handled_at ON inbox USING brin (handled_at);
