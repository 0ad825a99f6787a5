"""A short form of every scenario: what the product must survive, and what the rig must catch.

All trials are played by one fixture, side by side; each test then looks at its own. A failing line names the seed and
the command that replays the trial.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults.__main__ import SHORT_EFFORT
from tests.faults.engine import Scenario
from tests.faults.grounds import on_three_brokers
from tests.faults.rig import rig_on
from tests.faults.runs import Run, any_seed, run_scenarios
from tests.faults.scenarios.every import EVERY

from maillage.testing import servers
from maillage.testing.choice import choose, own_postgres

pytestmark = [pytest.mark.fault, pytest.mark.kafka, pytest.mark.postgres]
AT_ONCE = 5
"""They wait more than they work: for sessions, leases and bounds."""

TRIALS = int(os.environ.get("MAILLAGE_TEST_FAULT_TRIALS", "1"))


def marks(one: Scenario) -> list[pytest.MarkDecorator]:
    """Return what a scenario's test is chosen by."""
    long = [pytest.mark.long] if one.only_long else []
    return [*long, pytest.mark.brokers] if one.ground is on_three_brokers else long


@pytest.fixture(scope="module")
def durable_postgres(server_folder: Path) -> Iterator[servers.PostgresServer]:
    """A PostgreSQL that keeps what it promised when it is stopped at once."""
    folder = server_folder / "faults"
    folder.mkdir(mode=0o711)
    started = own_postgres(choose(os.environ), folder, durable=True)
    yield started
    assert started.process is not None
    started.process.close()


@pytest.fixture(scope="module")
def run(
    request: pytest.FixtureRequest,
    durable_postgres: servers.PostgresServer,
    kafka_server: servers.KafkaServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """Play, once, every scenario whose test was chosen."""
    chosen = {item.callspec.params["scenario"].name for item in request.session.items if hasattr(item, "callspec")
              and "scenario" in item.callspec.params}  # fmt: skip
    scenarios = [one for one in EVERY if one.name in chosen]
    played = Run(int(os.environ.get("MAILLAGE_TEST_SEED", any_seed())), SHORT_EFFORT)

    async def play() -> None:
        async with rig_on(durable_postgres, kafka_server, tmp_path_factory.mktemp("faults")) as rig:
            await run_scenarios(rig, scenarios, TRIALS, played, print, AT_ONCE)

    asyncio.run(play())
    return played


@pytest.mark.timeout(600)  # of the first one, which waits for all: a minute on an idle machine
@pytest.mark.parametrize("scenario", [pytest.param(one, marks=marks(one), id=one.name) for one in EVERY])
def test_a_trial_ends_as_it_must(scenario: Scenario, run: Any) -> None:
    if scenario.name in run.left_out:
        pytest.skip(run.left_out[scenario.name])
    outcomes = run.of(scenario)
    assert len(outcomes) == TRIALS
    for outcome in outcomes:
        assert outcome.passed, outcome.describe()
        assert outcome.injected, f"nothing was injected: {outcome.describe()}"
