-- Where each day (UTC) of a stream begins: digests and exports find a period by it, as a range of positions. A row is
-- written by the first event of its day while the stream is locked, so days follow positions even where clocks do not.
CREATE TABLE stream_days (
    organisation_id uuid NOT NULL REFERENCES partner_stream,
    day date NOT NULL,
    first_position bigint NOT NULL CHECK (first_position >= 1),
    -- Over the ids of the day in order; kept once a later day has begun, since nothing is added to this one then.
    sha256 bytea CHECK (octet_length(sha256) = 32),
    PRIMARY KEY (organisation_id, day)
);
INSERT INTO stream_days (organisation_id, day, first_position)
SELECT organisation_id, day, min(position)
FROM (
    SELECT organisation_id, position,
        max((created_at AT TIME ZONE 'UTC')::date) OVER (PARTITION BY organisation_id ORDER BY position) AS day
    FROM stream_events
) placed
GROUP BY organisation_id, day;
