-- Whether the last acceptance took long: kept with the webhook, because leases end whenever there is nothing to send, and
-- whoever takes the next one would give a slow receiver a place of those that answer at once.
ALTER TABLE webhooks ADD COLUMN slow boolean NOT NULL DEFAULT false;
