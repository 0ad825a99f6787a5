-- The types that an organisation asks for; null: all that its kind may be shown. The stream has them too, so that they
-- are read with its row, at no extra look-up.
ALTER TABLE organisations ADD COLUMN event_types text[];
ALTER TABLE partner_stream ADD COLUMN event_types text[];

-- Whose each referral is: nobody is told again, by a snapshot, of a person who was erased, and whoever was told of the
-- referral alone hears of the erasure.
CREATE TABLE known_persons (
    referral_id uuid PRIMARY KEY,
    subject_ref uuid NOT NULL
);
CREATE INDEX known_persons_subject ON known_persons (subject_ref);
INSERT INTO known_persons (referral_id, subject_ref)
SELECT DISTINCT ON (referral_id) referral_id, subject_ref FROM (
    SELECT (convert_from(payload, 'UTF8')::jsonb ->> 'referral_id')::uuid AS referral_id, subject::uuid AS subject_ref
    FROM stream_events WHERE ce_type = 'fr.maillage.registration.person.identified.v1'
) told WHERE referral_id IS NOT NULL
ORDER BY referral_id;
-- What was told of a referral by its steps alone, whatever came of them.
CREATE INDEX known_steps_referral ON known_steps (referral_id);


-- Referrals whose person has lived elsewhere: an event that names the former commune may still be on its way.
ALTER TABLE known_referrals ADD COLUMN moved boolean NOT NULL DEFAULT false;
CREATE INDEX known_referrals_moved ON known_referrals (referral_id) WHERE moved;
