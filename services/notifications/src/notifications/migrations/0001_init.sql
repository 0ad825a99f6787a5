-- Notices: what to tell whom, and where that stands. Never a contact, a name or a rendered text: those are fetched when a
-- notice is sent, and dropped with it.
CREATE TABLE notices (
    notice_id uuid PRIMARY KEY,
    -- Orders the notices of a thread, whatever the clock does.
    position bigint GENERATED ALWAYS AS IDENTITY,
    version bigint NOT NULL,
    template text NOT NULL,
    audience text NOT NULL,
    state text NOT NULL CHECK (
        state IN (
            'requested', 'held', 'sending', 'retry', 'fallback', 'sent', 'delivered', 'exhausted', 'suppressed',
            'superseded'
        )
    ),
    reason text,
    -- The person, until erased; or the organisation.
    subject_ref uuid,
    organisation_id uuid,
    referral_id uuid,
    channels text[] NOT NULL,
    channel text,
    tried text[] NOT NULL,
    attempts integer NOT NULL,
    takes integer NOT NULL,
    -- When to look at it next; while `sending`, when whoever took it is given up.
    due_at timestamptz NOT NULL,
    not_after timestamptz NOT NULL,
    taken_by text,
    sent_at timestamptz,
    superseded_at timestamptz,
    -- What was told before about the same thing to the same recipient; forgotten with the person, whose reference it holds.
    thread text,
    says text NOT NULL,
    supersede_key uuid,
    -- The event that asked for it, without the person's reference.
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    event_at timestamptz NOT NULL,
    event jsonb NOT NULL,
    correlation_id uuid NOT NULL,
    traceparent text,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
-- What the worker looks for, every half second.
CREATE INDEX notices_due ON notices (due_at)
    WHERE state IN ('requested', 'held', 'retry', 'fallback', 'sending');
-- What a newer fact makes untrue.
CREATE INDEX notices_supersede ON notices (supersede_key)
    WHERE state IN ('requested', 'held', 'retry', 'fallback', 'sending');
CREATE INDEX notices_thread ON notices (thread, position DESC);
CREATE INDEX notices_subject ON notices (subject_ref) WHERE subject_ref IS NOT NULL;
-- The operators' list, newest first, and by state.
CREATE INDEX notices_listed ON notices (created_at DESC, notice_id DESC);
CREATE INDEX notices_listed_state ON notices (state, created_at DESC, notice_id DESC);

-- One row for each channel that was tried, and what the carrier said: its reference is an id of theirs.
CREATE TABLE deliveries (
    notice_id uuid NOT NULL REFERENCES notices,
    channel text NOT NULL,
    tries integer NOT NULL,
    outcome text,
    reference text,
    first_at timestamptz,
    last_at timestamptz,
    receipt text CHECK (receipt IN ('delivered', 'undeliverable')),
    receipt_at timestamptz,
    PRIMARY KEY (notice_id, channel)
);

-- Channels that a person does not want; deleted with the person.
CREATE TABLE opt_outs (
    subject_ref uuid NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    at timestamptz NOT NULL,
    PRIMARY KEY (subject_ref, channel)
);
