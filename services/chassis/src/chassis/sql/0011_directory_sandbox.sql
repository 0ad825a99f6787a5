-- Whether the organisation belongs to the sandbox; whoever looks for one looks in one world only.
ALTER TABLE directory_organisations ADD COLUMN sandbox boolean NOT NULL DEFAULT false;
