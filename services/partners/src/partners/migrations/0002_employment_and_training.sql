-- Employment services and training providers take part; organisations may have a public e-mail address.
ALTER TABLE organisations
    ADD COLUMN email text,
    DROP CONSTRAINT organisations_kind_check,
    ADD CONSTRAINT organisations_kind_check CHECK (
        kind IN ('association', 'council', 'employment_service', 'training_provider', 'operator', 'service'));

ALTER TABLE members
    DROP CONSTRAINT members_role_check,
    ADD CONSTRAINT members_role_check CHECK (role IN ('volunteer', 'caseworker', 'adviser', 'trainer'));

ALTER TABLE partner_stream
    DROP CONSTRAINT partner_stream_kind_check,
    ADD CONSTRAINT partner_stream_kind_check CHECK (
        kind IN ('association', 'council', 'employment_service', 'training_provider'));
