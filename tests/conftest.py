"""One whole Maillage for the tests that belong to no single service: every part a process of its own, as on a laptop.

Started once a session by the `maillage` command itself, on free ports, in a folder of its own; it plays the
demonstration on its way up, and its spans are collected here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from maillage.testing.collector import SpanCollector
from maillage.testing.running import RunningStack


@pytest.fixture(scope="session")
def spans() -> Iterator[SpanCollector]:
    """Receive what the services export."""
    collector = SpanCollector()
    yield collector
    collector.close()


@pytest.fixture(scope="session")
def stack(spans: SpanCollector) -> Iterator[RunningStack]:
    """Start everything; stop it with the session."""
    with RunningStack.in_temporary_folder(OTEL_EXPORTER_OTLP_ENDPOINT=spans.endpoint) as running:
        running.start()
        yield running
