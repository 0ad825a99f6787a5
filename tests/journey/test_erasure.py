"""A person is erased: on a whole Maillage, under load, and by their own link."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.faults.scenarios.r19_erasure import play

from maillage.testing.running import RunningStack


@pytest.mark.timeout(180)
async def test_twenty_of_a_hundred_leave_nothing_and_everybody_else_is_whole(stack: RunningStack) -> None:
    await play(stack, 100, 20)

    done = await asyncio.to_thread(stack.run, "replay", "referrals", "--json", patience_seconds=120)
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "equal"), done.stdout
