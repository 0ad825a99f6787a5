-- Since when the broker has no user for an access that is granted: its password is forgotten, so that only a new one
-- helps. Empty again as soon as there is a user.
ALTER TABLE kafka_accesses ADD COLUMN password_lost_at timestamptz;
