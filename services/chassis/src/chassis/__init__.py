"""What every Maillage service shares: the durable path of an event, HTTP, access, telemetry.

Nothing here knows a service. Services import modules by name (`from chassis.outbox import append`).
"""
