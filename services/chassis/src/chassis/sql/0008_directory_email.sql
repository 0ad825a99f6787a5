-- The public address at which an organisation reads notices; it comes with the organisation's next event.
ALTER TABLE directory_organisations ADD COLUMN email text;
