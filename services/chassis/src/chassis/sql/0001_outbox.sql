-- The Debezium outbox router's columns, plus headers and the position that orders.
-- `aggregatetype` holds the topic: a site may replace our relay by Debezium without a change of schema.
CREATE TABLE outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL,
    aggregatetype text NOT NULL,
    aggregateid text NOT NULL,
    type text NOT NULL,
    headers jsonb NOT NULL,
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
-- Rows live for milliseconds: vacuum by count, not by share, so that the head of the index stays short.

-- Rows that Kafka refused for good, and the later rows of their keys; same position when they go back.
CREATE TABLE outbox_parked (
    position bigint PRIMARY KEY,
    id uuid NOT NULL,
    aggregatetype text NOT NULL,
    aggregateid text NOT NULL,
    type text NOT NULL,
    headers jsonb NOT NULL,
    payload bytea NOT NULL,
    created_at timestamptz NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    cause text NOT NULL
);
CREATE INDEX outbox_parked_key ON outbox_parked (aggregatetype, aggregateid, position);
