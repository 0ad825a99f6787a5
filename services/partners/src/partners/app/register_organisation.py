"""Let an organisation take part, or change what is known of it: the same request twice changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from chassis.ids import new_id
from partners.app.adjust_scope import adjust_scope
from partners.app.check_territory import check_territory
from partners.app.ports import Organisations, Publisher, Referrals, StreamEvents, Streams
from partners.domain.errors import CodeReserved, JurisdictionTaken, NotFound
from partners.domain.organisation import Details, Kind, Organisation, Territory, register


@dataclass(frozen=True, slots=True)
class Desk:
    """What changing an organisation touches, in one transaction."""

    organisations: Organisations
    publisher: Publisher
    streams: Streams
    referrals: Referrals
    events: StreamEvents


async def register_organisation(
    desk: Desk, code: str, kind: Kind, details: Details, at: datetime
) -> tuple[Organisation, bool]:
    """Return the organisation, and whether it is new."""
    details = replace(details, territory=check_territory(details.territory))
    # The gate also keeps two first registrations of one code apart.
    await desk.streams.enter_gate(to_edit=True)
    organisation = await desk.organisations.lock(code)
    if organisation is not None:
        return await _change(desk, organisation, kind, details, at), False
    organisation, fact = register(new_id(), code, kind, details, correlation_id=new_id(), at=at)
    event_id = new_id()
    await _refuse_shared_jurisdiction(desk, organisation)
    await desk.organisations.add(organisation)
    await desk.streams.open(organisation)
    await desk.publisher.publish(fact, event_id=event_id)
    await adjust_scope(desk.streams, desk.referrals, desk.events, organisation, cause=event_id, joining=True, at=at)
    return organisation, True


async def change_territory(desk: Desk, code: str, territory: Territory, at: datetime) -> Organisation:
    """Give an organisation another territory; raises NotFound."""
    territory = check_territory(territory)
    await desk.streams.enter_gate(to_edit=True)
    organisation = await desk.organisations.lock(code)
    if organisation is None or organisation.kind not in (Kind.ASSOCIATION, Kind.COUNCIL):
        raise NotFound
    details = replace(organisation.details, territory=territory)
    return await _change(desk, organisation, organisation.kind, details, at)


async def _change(desk: Desk, organisation: Organisation, kind: Kind, details: Details, at: datetime) -> Organisation:
    if organisation.kind not in (Kind.ASSOCIATION, Kind.COUNCIL):
        raise CodeReserved
    change = organisation.change(kind, details, at)
    if change is None:
        return organisation
    changed, fact = change
    event_id = new_id()
    await _refuse_shared_jurisdiction(desk, changed)
    await desk.organisations.save(changed)
    await desk.publisher.publish(fact, event_id=event_id)
    await adjust_scope(desk.streams, desk.referrals, desk.events, changed, cause=event_id, joining=False, at=at)
    return changed


async def _refuse_shared_jurisdiction(desk: Desk, organisation: Organisation) -> None:
    # The gate is held: nobody else registers or edits between this look and the write.
    if organisation.kind is Kind.COUNCIL and await desk.organisations.another_answers(organisation):
        raise JurisdictionTaken
