-- Organisations of the sandbox: a world of their own, in which nobody is real. It never changes, like the kind.
ALTER TABLE organisations ADD COLUMN sandbox boolean NOT NULL DEFAULT false;
-- The world of each stream: read with the stream's row, at no extra look-up.
ALTER TABLE partner_stream ADD COLUMN sandbox boolean NOT NULL DEFAULT false;
-- Few organisations, of which fewer are of the sandbox: "is one of these?" is one page.
CREATE INDEX organisations_sandbox ON organisations (organisation_id) WHERE sandbox;
