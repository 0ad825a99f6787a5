"""Data survive whatever happens to the processes, nothing is played twice, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import signal

import psutil
import pytest

from maillage.testing.acts import feed, of_referral, refer
from maillage.testing.running import RunningStack

pytestmark = pytest.mark.fault


def processes_of(stack: RunningStack) -> list[psutil.Process]:
    """Return every process that works in the stack's folder or was started with it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            told = " ".join(process.cmdline()) + str(process.environ().get("MAILLAGE_DATA_DIR", "")) + process.cwd()
            if str(stack.folder) in told and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.mark.timeout(300)
async def test_everything_comes_back_after_everything_was_killed() -> None:
    with RunningStack.in_temporary_folder() as stack:
        first = stack.start()
        async with stack.client("asso1", "referrals") as association:
            one = (await refer(association))["referral_id"]
        for process in processes_of(stack):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        stack.supervisor.wait()

        second = stack.start()

        printed = stack.output.read_text("utf-8")
        assert printed.count("L'histoire a déjà été jouée") == 1, "said, and not played again"
        events = await feed(stack, "cd93")
        assert of_referral(events, one).count("referrals.referral.submitted") == 1
        beside = stack.run("up")
        assert beside.returncode != 0
        assert len(beside.stderr.strip().splitlines() or beside.stdout.strip().splitlines()) <= 3
        took = stack.stop()
        assert stack.supervisor.returncode == 0
        assert processes_of(stack) == []
    print(f"first start {first:.1f} s, after kill -9 {second:.1f} s, stop {took:.1f} s")  # noqa: T201  # for the reader


@pytest.mark.timeout(200)
def test_nothing_is_left_when_the_supervisor_is_killed() -> None:
    with RunningStack.in_temporary_folder() as stack:
        stack.start("--no-story")
        assert len(processes_of(stack)) >= 7
        os.kill(stack.supervisor.pid, signal.SIGKILL)
        stack.supervisor.wait()

        _, alive = psutil.wait_procs(processes_of(stack), timeout=15)
        assert not alive
