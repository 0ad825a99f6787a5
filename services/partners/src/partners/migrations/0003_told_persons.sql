-- Who was ever told anything of a person, by an event of whatever aggregate: whom an erasure must reach.
CREATE TABLE told_persons (
    subject_ref uuid NOT NULL,
    organisation_id uuid NOT NULL REFERENCES partner_stream,
    PRIMARY KEY (subject_ref, organisation_id)
);
INSERT INTO told_persons (subject_ref, organisation_id)
SELECT DISTINCT subject::uuid, organisation_id FROM stream_events
WHERE ce_type = 'fr.maillage.registration.person.identified.v1';

-- Persons of whom nothing enters a stream any more: their other events come by other topics, perhaps after the erasure.
CREATE TABLE erased_persons (
    subject_ref uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);
INSERT INTO erased_persons (subject_ref, erased_at)
SELECT subject::uuid, min(created_at) FROM stream_events
WHERE ce_type = 'fr.maillage.registration.person.erased.v1' GROUP BY subject;
