"""What an operator should know without anybody being kept out."""

from __future__ import annotations

from chassis.health import Health


def test_a_note_is_shown_and_keeps_nobody_out() -> None:
    health = Health("referrals")
    said: list[str] = []
    health.register("database", lambda: None)
    health.note("relay", lambda: said[0] if said else None)
    assert health.report()["notes"] == {}

    said.append("the oldest event waits for Kafka since 40 s")

    assert health.report()["notes"] == {"relay": "the oldest event waits for Kafka since 40 s"}
    assert health.report()["ready"] is True
