"""The two servers that Maillage brings along: PostgreSQL from a wheel, Apache Kafka on a JVM from a wheel.

Each is a class with the same four steps: `prepare` makes what must exist on disk, `command` says what to run, the
supervisor runs it, `wait_ready` answers once it serves. Nothing here keeps a process or a thread of its own.
"""
