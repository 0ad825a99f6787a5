"""Which tables of a service are projections: what its topics say, and nothing else, so that events can rebuild them.

A service declares them in one place. A table is one only if the order between topics, the hour and what people did over
HTTP do not show in the columns compared; what needs a claim check, decides, or was told to somebody is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chassis.consumer import Subscription
from maillage_contracts import Event, OrganisationRegistered, topic_for


@dataclass(frozen=True, slots=True)
class Projection:
    """One table, or the part of it, that events rebuild."""

    table: str
    rows: str
    """A SELECT of what is compared; its first column is `key`, which is unique."""
    events: tuple[type[Event], ...]
    """One event of each topic that writes it."""

    @property
    def topics(self) -> frozenset[str]:
        """The topics that write it."""
        return frozenset(topic_for(event).name for event in self.events)


@dataclass(frozen=True, slots=True)
class Projections:
    """What a service's events rebuild, and what must be there first."""

    tables: Sequence[Projection] = ()
    seeds: Mapping[str, str] = field(default_factory=dict)
    """Table -> SELECT of the rows that projections refer to and that no event holds; never personal data."""
    not_rebuilt: Mapping[str, str] = field(default_factory=dict)
    """Table -> why events alone do not rebuild it."""


# The primary keys order both.
DIRECTORY = (
    Projection(
        "directory_organisations",
        "SELECT organisation_id AS key, * FROM directory_organisations",
        (OrganisationRegistered,),
    ),
    Projection("revoked_clients", "SELECT client_id AS key, * FROM revoked_clients", (OrganisationRegistered,)),
)
"""What every service keeps of organisations."""


def subscriptions_for(tables: Sequence[Projection], subscriptions: Sequence[Subscription]) -> list[Subscription]:
    """Return the subscriptions that write these tables; raises ValueError for one that they cannot rebuild alone."""
    by_topic = {subscription.topic: subscription for subscription in subscriptions}
    found = {}
    for table in tables:
        for topic in table.topics:
            subscription = by_topic.get(topic)
            if subscription is None:
                raise ValueError(f"{table.table}: nothing here reads {topic}")
            if subscription.fetch is not None:
                raise ValueError(f"{table.table}: reading {topic} asks another service")
            found[topic] = subscription
    return [found[topic] for topic in sorted(found)]
