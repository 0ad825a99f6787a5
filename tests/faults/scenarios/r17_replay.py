"""R17: whatever happened, each service rebuilt from its topics alone ends as the live one, table by table, by hash.

On a whole Maillage: `python -m tests.faults.scenarios.r17_replay 20` (trials). Each trial lives a whole story, refers
some and erases some of them under load, and then replays every service. While events keep coming a replay may only say
`undecided`, and so the load ends before it. `make test` has the short forms: tests/journey/test_erasure.py, and the
matrix of versions on the wire in services/chassis/tests/component/test_wire_matrix.py; `make test-long` has
test_replay.py, which changes a row and sees it.
"""

from __future__ import annotations

import asyncio
import json
import sys

from tests.faults.scenarios.r19_erasure import Erasure

from maillage.operators import READING_SERVICES
from maillage.testing.journey import Journey
from maillage.testing.running import RunningStack

SUBJECTS, ERASED = 40, 8
REPLAY_SECONDS = 300.0


async def replayed(stack: RunningStack, service: str) -> str:
    """Return the verdict of a replay, or why there is none."""
    done = await asyncio.to_thread(stack.run, "replay", service, "--json", patience_seconds=REPLAY_SECONDS)
    return str(json.loads(done.stdout)["verdict"]) if done.returncode == 0 else done.stdout or done.stderr


async def trial(stack: RunningStack) -> dict[str, str]:
    """Live some of everything, and return the verdict on each service."""
    await Journey(stack).play()
    async with Erasure(stack).open() as others:
        await others.refer(SUBJECTS, ERASED)
        await others.erase()
        return {service: await replayed(stack, service) for service in READING_SERVICES}


def main(trials: int) -> int:
    """Play so many trials on one stack, whose topics grow; return how many verdicts were other than `equal`."""
    wrong = 0
    with RunningStack.in_temporary_folder() as stack:
        stack.start()
        for n in range(trials):
            verdicts = asyncio.run(trial(stack))
            wrong += sum(verdict != "equal" for verdict in verdicts.values())
            sys.stdout.write(f"R17 {n + 1}/{trials}: {verdicts}\n")
            sys.stdout.flush()
    return wrong


if __name__ == "__main__":
    sys.exit(min(1, main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)))
