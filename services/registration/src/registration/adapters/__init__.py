"""Where registration meets HTTP, Kafka, PostgreSQL and the referrals service."""
