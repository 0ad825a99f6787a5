-- Whether nobody in it is real, and how the simulator that was asked behaves where it is one.
ALTER TABLE referrals
    ADD COLUMN sandbox boolean NOT NULL DEFAULT false,
    ADD COLUMN simulated text CHECK (simulated IN ('accepts', 'declines', 'silent', 'expires')),
    ADD CONSTRAINT referrals_simulated CHECK (simulated IS NULL OR sandbox);
ALTER TABLE accompaniments
    ADD COLUMN simulated text CHECK (simulated IN ('accepts', 'declines', 'silent', 'expires'));
