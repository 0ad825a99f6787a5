-- Rows are purged in batches, the oldest first. Vacuum by count, not by a share of 45 days of rows: dead rows stay few, and
-- the space they leave is used by the next day's. Inserts are vacuumed too, so that the purge finds pages known as settled.
ALTER TABLE inbox SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000
);
