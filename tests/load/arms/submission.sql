-- What a submission writes, with values that PostgreSQL makes up: for pgbench, as the floor of the database alone.
WITH attempt AS (
    INSERT INTO idempotency_keys (client_id, route, key, body_hmac, status, resource_id, location, response, created_at)
    VALUES ('bench1/1', 'POST /referrals', gen_random_uuid()::text, '\x00', 201, gen_random_uuid(), '/referrals/1',
            '{"referral_id": "1", "council": {"name": "Exemple"}}', now())
    RETURNING resource_id
), referral AS (
    INSERT INTO referrals (referral_id, version, status, step, correlation_id, referrer_id, referrer_kind, receiver_id,
        commune, themes, submitted_at, changed_at)
    SELECT resource_id, 1, 'submitted', 'submitted', gen_random_uuid(), gen_random_uuid(), 'association',
        gen_random_uuid(), '94028', ARRAY['one', 'two'], now(), now() FROM attempt
    RETURNING referral_id
), person AS (
    INSERT INTO referral_persons (referral_id, wrapped_key, person, note)
    SELECT referral_id, convert_to(repeat('k', 65), 'UTF8'), convert_to(repeat('p', 200), 'UTF8'),
        convert_to(repeat('n', 90), 'UTF8') FROM referral
), step AS (
    INSERT INTO referral_history (referral_id, version, at, status, by)
    SELECT referral_id, 1, now(), 'submitted', 'referrer' FROM referral
), term AS (
    INSERT INTO timers (kind, aggregate_id, due_at)
    SELECT kind, referral_id, now() + '10 days' FROM referral,
        unnest(ARRAY['referral-overdue', 'referral-expiry']) AS t(kind)
)
INSERT INTO outbox (id, aggregatetype, aggregateid, type, headers, payload)
SELECT gen_random_uuid(), 'referrals-referral-v1', referral_id::text, 'fr.maillage.referrals.referral.submitted.v1',
    jsonb_build_object('ce_id', referral_id, 'ce_source', '/referrals', 'pad', repeat('h', 350)),
    convert_to(repeat('e', 450), 'UTF8')
FROM referral;
