-- When somebody at the receiver first opened the referral's page, where that was while it waited for an answer.
ALTER TABLE referrals ADD COLUMN opened_at timestamptz;
