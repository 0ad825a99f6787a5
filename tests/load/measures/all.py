"""Every measure, in the order of an event's path."""

from __future__ import annotations

from tests.load.measures.consumer import CONSUMER
from tests.load.measures.http import HTTP
from tests.load.measures.measure import Measure
from tests.load.measures.partner import PARTNER
from tests.load.measures.pipeline import PIPELINE
from tests.load.measures.relay import RELAY

MEASURES: tuple[Measure, ...] = (HTTP, RELAY, CONSUMER, PIPELINE, PARTNER)
