-- How far each stream has been purged: nothing up to purged_position is given out any more, and its days keep their
-- digest; rows up to swept_position are gone from the table. Between the two a purge is under way, or was interrupted.
ALTER TABLE partner_stream ADD COLUMN purged_position bigint NOT NULL DEFAULT 0;
ALTER TABLE partner_stream ADD COLUMN swept_position bigint NOT NULL DEFAULT 0;

-- What a webhook had not been given when its time was over.
ALTER TABLE webhooks ADD COLUMN missed_events bigint NOT NULL DEFAULT 0;

-- Vacuum by count, not by a share of two years of rows: what a day's purge leaves is used by the next day's events.
ALTER TABLE stream_events SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
