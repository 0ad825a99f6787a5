-- The telephone number and e-mail address that opened the file, each as a keyed hash: compared, beside name and birth date,
-- before another referral is taken for the same person's. Null where the file is older than this column: filled from its
-- sealed contact, under its lock, when a namesake is next referred.
ALTER TABLE persons ADD COLUMN contact_points bytea[];
-- The unique index on lookup stays: it holds the place of each file among those of one name and birth date.
COMMENT ON COLUMN persons.lookup IS
    'Keyed hash of folded name, birth date and, from the second file on, the file''s place among its namesakes.';
-- An erased person has no more of these than of the rest.
ALTER TABLE persons ADD CHECK (state <> 'erased' OR contact_points IS NULL);
