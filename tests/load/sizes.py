"""How much each measure does. A rate needs seconds of work: the slow arms get fewer events than the fast ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """The numbers of one run."""

    relay_rows: int
    relay_rows_one_by_one: int
    """For the arms that wait for each row."""
    consumer_events: int
    consumer_events_one_by_one: int
    latency_rate: int
    """Commands a second of the latency measures."""
    latency_seconds: float
    warm_up_seconds: float
    """Sent before, at the same rate, and not counted."""
    http_connections: int
    http_warm_up_seconds: float
    """Longer than the five seconds after which the chassis freezes what it imported."""
    http_seconds: float
    http_rate: int
    """Requests a second of the open loop: one that every arm sustains."""
    backlog_rows: int
    """Of a backlog that is compared with one a hundredth of it, and of the runs that watch memory."""
    restart_seconds: float
    """Of load during which three consumers are restarted one after the other."""
    flood: int
    """How many times more often than any other one aggregate changes, or one partner is told something."""
    flood_rate: int
    """Commands a second of all the others; low enough for the machine to carry the flood too."""
    growth: int
    """Events of the smallest backlog for partners; 10 and 100 times that many follow."""
    growth_factors: tuple[int, ...]


FULL = Sizes(
    relay_rows=100_000,
    relay_rows_one_by_one=3_000,
    consumer_events=50_000,
    consumer_events_one_by_one=2_000,
    latency_rate=200,
    latency_seconds=10.0,
    warm_up_seconds=2.0,
    http_connections=32,
    http_warm_up_seconds=5.0,
    http_seconds=6.0,
    http_rate=200,
    backlog_rows=1_000_000,
    restart_seconds=18.0,
    flood=100,
    flood_rate=50,
    growth=3_000,
    growth_factors=(1, 10, 100),
)

TINY = Sizes(
    relay_rows=300,
    relay_rows_one_by_one=30,
    consumer_events=300,
    consumer_events_one_by_one=30,
    latency_rate=50,
    latency_seconds=0.6,
    warm_up_seconds=0.2,
    http_connections=4,
    http_warm_up_seconds=0.1,
    http_seconds=0.3,
    http_rate=40,
    backlog_rows=600,
    restart_seconds=1.2,
    flood=10,
    flood_rate=50,
    growth=20,
    growth_factors=(1, 2),
)
"""Enough to see that every arm handles every event once; no figure of it means anything."""
