-- The lowest positions of one topic, where another holds all that a relay takes into memory of it.
CREATE INDEX outbox_by_topic ON outbox (aggregatetype, position);
