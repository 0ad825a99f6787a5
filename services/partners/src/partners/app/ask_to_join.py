"""Ask to join: anybody may; the link that goes to the mailbox is all that there is to act on the request with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from chassis.ids import new_id
from partners.app.check_territory import check_territory
from partners.app.joining_ports import Contact, JoinPublisher, JoinRequests
from partners.domain.access import new_secret
from partners.domain.errors import BadLegalNumber, TooManyRequests
from partners.domain.join_request import Applicant, JoinRequest, ask
from partners.domain.legal_number import read_legal_number

PER_ADDRESS = 5
PER_ADDRESS_WITHIN = timedelta(days=1)
"""Nobody's mailbox is filled by somebody who types its address again and again."""


async def ask_to_join(
    requests: JoinRequests, publisher: JoinPublisher, applicant: Applicant, email: str, at: datetime
) -> JoinRequest:
    """Store what is asked; the mail with the link follows by event.

    Raises BadLegalNumber, InvalidTerritory, or TooManyRequests for an address that asked several times today.
    """
    number = read_legal_number(applicant.legal_number)
    if number is None:
        raise BadLegalNumber
    details = replace(applicant.details, territory=check_territory(applicant.details.territory, applicant.kind))
    if await requests.asked_since(email, at - PER_ADDRESS_WITHIN) >= PER_ADDRESS:
        raise TooManyRequests
    request, fact = ask(
        new_id(), replace(applicant, details=details, legal_number=number), correlation_id=new_id(), at=at
    )
    await requests.add(request, Contact(email, new_secret()))
    await publisher.publish(fact)
    return request
