-- Shared plans being changed, one for each member and accompaniment: `sealed` holds what was typed, encrypted under
-- `draft_key`, itself wrapped by a key outside the database. Gone once saved, or seven days after the last change.
CREATE TABLE plan_drafts (
    accompaniment_id uuid        NOT NULL,
    member_id        uuid        NOT NULL,
    draft_key        bytea       NOT NULL,
    sealed           bytea       NOT NULL,
    changed_at       timestamptz NOT NULL,
    PRIMARY KEY (accompaniment_id, member_id)
);
CREATE INDEX plan_drafts_age ON plan_drafts (changed_at);
