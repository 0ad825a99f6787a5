"""A rig on the session's servers: what the bench itself stands on, without its durable disks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# `python -m tests.load` finds the package from the root; pytest's importlib mode adds no path.
sys.path.insert(0, str(Path(__file__).parents[2]))

if TYPE_CHECKING:
    from tests.load.rig import Rig

    from maillage.testing.databases import DatabaseFactory
    from maillage.testing.servers import KafkaServer, PostgresServer


@pytest.fixture
def rig(
    postgres_server: PostgresServer, kafka_server: KafkaServer, database_factory: DatabaseFactory, tmp_path: Path
) -> Rig:
    """Return a rig whose logs and keys are this test's own."""
    from tests.load.rig import Rig
    from tests.load.servers import Servers

    return Rig(Servers(postgres_server, kafka_server, tmp_path), database_factory)
