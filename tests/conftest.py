"""One whole Maillage for the tests that belong to no single service: every part a process of its own, as on a laptop.

Started once a session by the `maillage` command itself, on free ports, in a folder of its own; it plays the
demonstration on its way up, and its own desk receives mails, text messages and spans.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from maillage.testing.collector import SpanCollector
from maillage.testing.running import RunningStack


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """Start everything; stop it with the session."""
    with RunningStack.in_temporary_folder() as running:
        running.start()
        yield running


@pytest.fixture(scope="session")
def spans(stack: RunningStack) -> SpanCollector:
    """Give what the services export."""
    return stack.spans
