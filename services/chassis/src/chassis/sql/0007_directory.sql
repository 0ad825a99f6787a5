-- Who takes part, copied by every service from `partners-organisation-v1`, so that none has to ask while answering.
CREATE TABLE directory_organisations (
    organisation_id uuid PRIMARY KEY,
    code text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    phone text NOT NULL,
    postal_address text NOT NULL,
    territory jsonb NOT NULL,
    collectivities text[] NOT NULL,
    version bigint NOT NULL
);
-- Not unique: a code moved from one organisation to another may be read in either order.
CREATE INDEX directory_organisations_code ON directory_organisations (code);
-- Finds the council that has jurisdiction over a collectivity.
CREATE INDEX directory_organisations_collectivities ON directory_organisations USING gin (collectivities);

CREATE TABLE revoked_clients (
    client_id text PRIMARY KEY,
    organisation_id uuid NOT NULL,
    revoked_at timestamptz NOT NULL
);
