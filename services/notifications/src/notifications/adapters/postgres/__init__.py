"""Notices, deliveries and opt-outs in PostgreSQL."""
