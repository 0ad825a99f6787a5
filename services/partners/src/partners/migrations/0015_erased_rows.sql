-- Whether the rows of streams that lead to the person have been rewritten. The version before this one left them, also
-- while both run: the background does it for whoever is still false, some persons a transaction.
ALTER TABLE erased_persons ADD COLUMN rows_erased boolean NOT NULL DEFAULT false;
CREATE INDEX erased_persons_rows_left ON erased_persons (subject_ref) WHERE NOT rows_erased;
