"""Where training meets HTTP, Kafka and PostgreSQL."""
