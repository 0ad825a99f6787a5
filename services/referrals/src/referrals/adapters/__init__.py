"""Where referrals meets HTTP, Kafka and PostgreSQL."""
