-- Whose the steps on streams are, of which nothing was read since known_steps exists, and whose the referrals are that
-- only they name: an erasure finds a person's rows by both. The status is nobody's: version 0 gives way to any event.
INSERT INTO known_steps (step_id, kind, referral_id, version, status, open, changed_at)
SELECT DISTINCT ON (subject) subject::uuid, split_part(ce_type, '.', 4),
    (convert_from(payload, 'UTF8')::json ->> 'referral_id')::uuid, 0, 'unknown', false, created_at
FROM stream_events e
WHERE split_part(ce_type, '.', 4) IN ('accompaniment', 'appointment', 'enrolment')
    AND NOT EXISTS (SELECT FROM known_steps s WHERE s.step_id = e.subject::uuid)
ORDER BY subject, created_at DESC
ON CONFLICT DO NOTHING;

INSERT INTO known_persons (referral_id, subject_ref)
SELECT DISTINCT ON (referral_id) referral_id, subject_ref FROM (
    SELECT (data ->> 'referral_id')::uuid AS referral_id, (data ->> 'subject_ref')::uuid AS subject_ref
    FROM (SELECT convert_from(payload, 'UTF8')::json AS data FROM stream_events) bodies
) told WHERE referral_id IS NOT NULL AND subject_ref IS NOT NULL
ORDER BY referral_id
ON CONFLICT DO NOTHING;
