-- A manager has other pages than the members who answer referrals. Sessions opened before say nothing: they are not managers'.
ALTER TABLE sessions ADD COLUMN member_role text NOT NULL DEFAULT '';
