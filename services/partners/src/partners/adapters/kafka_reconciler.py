"""Looks at the whole broker from time to time, and says what had drifted.

One line a drift: who is concerned, what kind, how many; never a password, and of a foreign user no more than its name.
What cannot be repaired is said when it is first seen, and counted at every look for as long as it lasts.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence

import structlog
from prometheus_client.core import Metric

from chassis.clock import Clock
from chassis.metrics import counter, gauge
from maillage_contracts import PARTNER_TOPIC
from partners.app.kafka_ports import KafkaInventory
from partners.app.provision_kafka_access import Opener
from partners.app.reconcile_kafka import reconcile_kafka
from partners.domain.kafka_drift import Drift

log = structlog.get_logger(__name__)


class KafkaReconciler:
    """For whoever holds the lock of Kafka's administration; `due` until it has looked, then not for `every_seconds`."""

    def __init__(self, inventory: KafkaInventory, clock: Clock, *, every_seconds: float, spared: str) -> None:
        self._inventory = inventory
        self._clock = clock
        self._every_seconds = every_seconds
        self._spared = spared
        self._next = 0.0
        self._left: frozenset[tuple[str, str]] = frozenset()
        self._repaired: Counter[str] = Counter()
        self._looked = 0

    def due(self) -> bool:
        """Say whether it is time to look again."""
        return time.monotonic() >= self._next

    async def look(self, opener: Opener) -> None:
        """Compare, repair and report; raises DependencyDown, and is due again after the usual time."""
        self._next = time.monotonic() + self._every_seconds
        drifts = await reconcile_kafka(
            opener,
            self._inventory,
            self._clock,
            partitions=PARTNER_TOPIC.partitions,
            config=PARTNER_TOPIC.config,
            spared=self._spared,
        )
        self._looked += 1
        self._report(drifts)

    def metrics(self) -> Iterable[Metric]:
        """Return what this replica repaired, and what it last saw that it cannot; no label names an organisation."""
        repaired = counter("kafka_drift_repaired", "Differences from the database repaired on the broker.", "kind")
        for kind, count in self._repaired.items():
            repaired.add_metric([kind], count)
        left = gauge("kafka_drift_left", "Differences that need somebody, at this replica's last look.", "kind")
        for kind, count in Counter(kind for _, kind in self._left).items():
            left.add_metric([kind], count)
        looked = counter("kafka_reconciled", "Comparisons of the broker with the database, ended well.")
        looked.add_metric([], self._looked)
        return repaired, left, looked

    def _report(self, drifts: Sequence[Drift]) -> None:
        for one in drifts:
            if one.repaired:
                self._repaired[one.kind] += one.count
                log.warning("kafka_drift_repaired", organisation_code=one.code, kind=one.kind, count=one.count)
            elif (one.code, one.kind) not in self._left:
                log.error("kafka_drift_left", organisation_code=one.code, kind=one.kind, count=one.count)
        self._left = frozenset((one.code, one.kind) for one in drifts if not one.repaired)
