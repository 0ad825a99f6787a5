"""Make the simulators that every organisation of the sandbox meets; done with the first one, and once.

An installation that has no sandbox has none of them.
"""

from __future__ import annotations

from datetime import datetime

from chassis.ids import new_id
from partners.app.organisation_desk import Desk
from partners.domain.organisation import Details, Territory, register

CONTACT = Details("", "01 99 00 00 00", "1 rue de l’Exemple\n00000 Exemple", Territory())
"""A telephone of the range kept for fiction, and no address for notices: nobody reads them."""


async def open_sandbox(desk: Desk, at: datetime) -> None:
    """Register the simulators that are not here yet; the caller is alone in the scope gate."""
    for one in desk.simulators:
        if await desk.organisations.find(one.code) is not None:
            continue
        details = Details(
            one.name, CONTACT.phone, CONTACT.postal_address, Territory.of(communes=one.communes), CONTACT.email
        )
        organisation, fact = register(
            new_id(), one.code, one.kind, details, correlation_id=new_id(), at=at, sandbox=True
        )
        # Nobody reads their streams: they hold what was referred to or by a program.
        await desk.organisations.add(organisation)
        await desk.streams.open(organisation)
        await desk.publisher.publish(fact, event_id=new_id())
