"""What registering and changing an organisation have in common: one transaction over everything they touch.

Callers hold the scope gate in edit mode, which also keeps two of them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.ids import new_id
from partners.app.adjust_scope import adjust_scope
from partners.app.ports import Organisations, Publisher, Referrals, StreamEvents, Streams
from partners.domain.errors import CodeReserved, JurisdictionTaken
from partners.domain.organisation import PARTNERS, Details, Kind, Organisation


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulator of the sandbox, as an organisation."""

    code: str
    kind: Kind
    name: str
    communes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """What changing an organisation touches, in one transaction."""

    organisations: Organisations
    publisher: Publisher
    streams: Streams
    referrals: Referrals
    events: StreamEvents
    simulators: Sequence[Simulated] = ()
    """What the first organisation of the sandbox brings with it; their codes are nobody else's."""


async def apply_change(
    desk: Desk,
    organisation: Organisation,
    kind: Kind,
    details: Details,
    at: datetime,
    sandbox: bool | None = None,
) -> Organisation:
    """Take new details and let the stream follow; nothing happens when they are the present ones."""
    if organisation.kind not in PARTNERS:
        raise CodeReserved
    change = organisation.change(kind, details, at, sandbox)
    if change is None:
        return organisation
    changed, fact = change
    event_id = new_id()
    await refuse_shared_jurisdiction(desk, changed)
    await desk.organisations.save(changed)
    if changed.details.event_types != organisation.details.event_types:
        await desk.streams.choose_types(changed)
    await desk.publisher.publish(fact, event_id=event_id)
    await adjust_scope(desk.streams, desk.referrals, desk.events, changed, cause=event_id, joining=False, at=at)
    return changed


async def refuse_shared_jurisdiction(desk: Desk, organisation: Organisation) -> None:
    """Raise JurisdictionTaken when another council of its world answers for one of its collectivities."""
    # The gate is held: nobody else registers or edits between this look and the write.
    if organisation.kind is Kind.COUNCIL and await desk.organisations.another_answers(organisation):
        raise JurisdictionTaken
