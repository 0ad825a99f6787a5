"""Decide, with somebody's contact in hand, whether and how a notice goes out, and put it into words.

Nothing is written or sent here. What comes out is a message for a carrier, or why there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notifications.app.ports import Contact, Message, Prepared, Says, Taken
from notifications.domain import gsm7
from notifications.domain.errors import MissingValue
from notifications.domain.fact import ALONE, PLATFORM, Fact
from notifications.domain.states import Reason
from notifications.domain.template import LANGUAGES, Catalogue, Template


@dataclass(frozen=True, slots=True)
class Ends:
    """Not sent, for this reason."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Waits:
    """Somebody we depend on has not read yet what we have; `cause` is for operators."""

    cause: str


@dataclass(frozen=True, slots=True)
class NobodyCan:
    """No channel is left, or nothing is left that could be said: a human has to."""


def prepare_message(
    taken: Taken, contact: Contact | None, *, catalogue: Catalogue, says: Says, now: datetime
) -> Prepared | Ends | Waits | NobodyCan:
    """Return the message on the first channel that can be used."""
    template = catalogue.get(taken.notice.template)
    if template is None:
        return NobodyCan()
    if taken.notice.audience in ALONE:
        hindrance = _hindrance(template, taken.fact, contact)
        if hindrance is not None:
            return hindrance
    addresses = _addresses(taken, contact, says)
    if addresses is None:
        return Waits("an organisation has not been heard of yet")
    refused = taken.opt_outs | (contact.opt_outs if contact is not None else frozenset())
    left = [(channel, to) for channel, to in addresses if channel in taken.notice.left()]
    usable = [(channel, to) for channel, to in left if channel not in refused]
    if usable:
        return _written(taken, contact, template, *usable[0], says, now)
    if taken.notice.tried:
        return NobodyCan()
    return Ends(Reason.OPT_OUT if left else Reason.NO_CHANNEL)


def _hindrance(template: Template, fact: Fact, contact: Contact | None) -> Ends | Waits | None:
    """Compare what is known of the recipient now with the event: it may be behind it, or ahead."""
    if contact is None:
        return Waits("nobody knows the recipient yet")
    if contact.gone:
        return Ends(Reason.ERASED)
    if fact.aggregate_field in ("subject_ref", "join_request_id") and contact.version < fact.version:
        return Waits("whoever knows the recipient has not caught up with its own event")
    if fact.aggregate_field != "appointment_id":
        return None
    meeting = contact.meetings.get(fact.aggregate_id)
    if meeting is None or (meeting.version is not None and meeting.version < fact.version):
        return Waits("registration has not caught up with its own event")
    if template.holds_while and meeting.status not in template.holds_while:
        return Ends(Reason.STALE)
    announced = fact.fields.get("starts_at")
    if template.holds_while and announced is not None and meeting.starts_at != announced:
        return Ends(Reason.STALE)
    return None


def _addresses(taken: Taken, contact: Contact | None, says: Says) -> Sequence[tuple[str, str]] | None:
    """Return the channels of the notice with where each leads, in order; None while the recipient is unknown."""
    if contact is not None:
        raw = {"email": contact.email, "sms": contact.phone}
    else:
        recipient = taken.organisations.get(taken.notice.organisation_id) if taken.notice.organisation_id else None
        if recipient is None:
            return None
        raw = {"email": recipient.email}
    found = [
        (channel, says.address(channel, raw.get(channel), taken.fact.commune)) for channel in taken.notice.channels
    ]
    return [(channel, to) for channel, to in found if to is not None]


def _written(
    taken: Taken, contact: Contact | None, template: Template, channel: str, to: str, says: Says, now: datetime
) -> Prepared | Waits | NobodyCan:
    language = contact.language if contact is not None and contact.language in LANGUAGES else LANGUAGES[0]
    written = template.written[channel, language]
    try:
        body = written.body.render(says.values(taken, contact, channel, language, now))
    except MissingValue as missing:
        return Waits(f"not known yet: {missing}")
    if channel == "sms":
        body = gsm7.fold(body)
        if gsm7.septets(body) > gsm7.SEPTETS_MAX:
            return NobodyCan()
    role = template.contact[taken.notice.audience]
    concerned = None if role == PLATFORM else taken.organisations.get(taken.fact.roles[role])
    message = Message(
        notice_id=taken.notice.notice_id,
        to=to,
        body=body,
        language=language,
        subject=written.subject,
        reply_to=None if concerned is None else says.address("email", concerned.email, taken.fact.commune),
    )
    return Prepared(taken.notice, channel, written, message)
