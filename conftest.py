"""Fixtures for every test of the project: throw-away PostgreSQL and Kafka, started when first asked for."""

pytest_plugins = ["maillage.testing.plugin"]
