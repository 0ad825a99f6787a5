-- Finds what became of one event: somebody asks why it did not arrive, or filters the log by it. Ids grow with time, so
-- new rows go to the end.
CREATE INDEX webhook_attempts_event ON webhook_attempts (event_id, webhook_id);
