"""How the use cases reach HTTP, PostgreSQL and Kafka."""
