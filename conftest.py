"""Fixtures for every test of the project: throw-away PostgreSQL and Kafka, started when first asked for."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["maillage.testing.plugin"]

# A slow machine is not a failure: no property is timed.
settings.register_profile("maillage", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("maillage")
