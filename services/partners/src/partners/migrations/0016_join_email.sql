-- The organisation's public address, as it gives it when it asks to join: its notices go there, and so does the mail that
-- says that its webhook was disabled. The contact's own address stays sealed, and is forgotten.
ALTER TABLE join_requests ADD COLUMN email text;
