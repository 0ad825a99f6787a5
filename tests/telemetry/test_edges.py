"""The spans of the whole story hang together as committed: who calls or causes whom, from each act to SMTP and SMS.

`edges.txt` holds one `parent -> child` a line. After a change that was meant, look at the difference and write the file
anew: MAILLAGE_TEST_WRITE_EDGES=1 .venv/bin/pytest tests/telemetry/test_edges.py
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from maillage.testing.acts import rows
from maillage.testing.collector import Seen, SpanCollector, edges
from maillage.testing.journey import Journey
from maillage.testing.running import RunningStack

COMMITTED = Path(__file__).with_name("edges.txt")
ROOT = "(start)"


def lines_of(found: list[Seen]) -> list[str]:
    """Return the edges as they are committed; partner topics by their pattern."""
    return sorted(f"{parent or ROOT} -> {child}" for parent, child in edges(found))


@pytest.mark.timeout(180)
async def test_the_spans_of_the_whole_story_hang_together_as_committed(
    stack: RunningStack, spans: SpanCollector
) -> None:
    journey = Journey(stack)
    await journey.play()
    found = await rows(
        stack, "referrals", "SELECT correlation_id FROM referrals WHERE referral_id = $1", journey.referral_id
    )
    story = str(found[0]["correlation_id"])
    committed = COMMITTED.read_text("utf-8").splitlines() if COMMITTED.exists() else []

    def arrived(seen: list[Seen]) -> bool:
        # Processes export at their own pace: all that is expected is there, and nobody's parent is missing.
        now = lines_of(seen)
        return set(committed) <= set(now) and not any(line.startswith("? ->") for line in now)

    if os.environ.get("MAILLAGE_TEST_WRITE_EDGES"):
        await asyncio.sleep(8)  # the longest an exporter keeps what it has
        COMMITTED.write_text("\n".join(lines_of(spans.of_story(story))) + "\n", "utf-8")
        return
    with contextlib.suppress(AssertionError):  # the comparison below says what is missing
        await asyncio.to_thread(spans.wait_for_story, story, arrived, 25)
    assert lines_of(spans.of_story(story)) == committed
