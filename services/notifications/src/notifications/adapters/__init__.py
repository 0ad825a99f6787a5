"""Where notifications meets HTTP, Kafka and PostgreSQL."""
