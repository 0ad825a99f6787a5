-- Withdrawn before registration said who the person is: no erasure finds these, and nobody has a reason to read them. From now
-- on they go with the withdrawal.
DELETE FROM referral_persons p USING referrals r
WHERE r.referral_id = p.referral_id AND r.status = 'withdrawn'
AND NOT EXISTS (SELECT FROM referral_subjects s WHERE s.referral_id = p.referral_id);
