-- Which appointments went with an erased person, as keyed hashes: their links say that it is done, and tell nobody whose
-- they were.
CREATE TABLE erased_links (
    digest bytea PRIMARY KEY,
    erased_at timestamptz NOT NULL
);
