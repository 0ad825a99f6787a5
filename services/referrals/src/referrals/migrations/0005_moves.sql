-- Since when the present receiver has been asked: null for the first one, who was asked by the submission.
ALTER TABLE referrals ADD COLUMN asked_at timestamptz;
-- Who took a step, where the party on that side is another by now.
ALTER TABLE referral_history ADD COLUMN organisation_id uuid;
