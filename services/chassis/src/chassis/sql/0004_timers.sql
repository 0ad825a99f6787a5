-- Something to look at again at a given time, written in the transaction of the fact that starts it.
CREATE TABLE timers (
    kind text NOT NULL,
    aggregate_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (kind, aggregate_id)
);
CREATE INDEX timers_due ON timers (due_at);
