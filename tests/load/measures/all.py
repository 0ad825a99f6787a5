"""Every measure, in the order of an event's path."""

from __future__ import annotations

from tests.load.measures.backlog import BACKLOG
from tests.load.measures.consumer import CONSUMER
from tests.load.measures.cost import COST
from tests.load.measures.fanout import FANOUT
from tests.load.measures.files import FILES
from tests.load.measures.flood import FLOOD
from tests.load.measures.growth import GROWTH
from tests.load.measures.http import HTTP
from tests.load.measures.measure import Measure
from tests.load.measures.partner import PARTNER
from tests.load.measures.partner_flood import PARTNER_FLOOD
from tests.load.measures.pipeline import PIPELINE
from tests.load.measures.readings import READINGS
from tests.load.measures.relay import RELAY
from tests.load.measures.replay import REPLAY
from tests.load.measures.restart import RESTART
from tests.load.measures.tracing import TRACING

MEASURES: tuple[Measure, ...] = (
    HTTP,
    TRACING,
    RELAY,
    CONSUMER,
    BACKLOG,
    PIPELINE,
    COST,
    FLOOD,
    RESTART,
    PARTNER,
    PARTNER_FLOOD,
    READINGS,
    FILES,
    GROWTH,
    FANOUT,
    REPLAY,
)
