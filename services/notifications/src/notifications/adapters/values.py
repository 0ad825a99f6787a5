"""What the texts of one notice say: the event in words, the organisations concerned, the person's own page.

Built when a notice is sent and dropped with it. An SMS never names anybody: its texts cannot ask for a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from notifications.adapters.dates import day, mobile, moment, phone
from notifications.adapters.places import name_of
from notifications.app.ports import Contact, Organisation, Taken
from notifications.domain.courtesy import Courtesy
from notifications.domain.fact import APPLICANT, OPERATORS, OWNER, PLATFORM, Fact
from notifications.domain.template import Catalogue
from notifications.domain.texts import Values

_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}")
"""Enough to be handed to any server as one recipient, and never more than one: ASCII, and nothing that separates."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Who operates this platform, for those who have no organisation to turn to."""

    name: str
    phone: str
    postal_address: str


class FrenchWords:
    """The `Says` port."""

    def __init__(self, catalogue: Catalogue, courtesy: Courtesy, portal_url: str, platform: Platform) -> None:
        self._catalogue = catalogue
        self._platform = platform
        self._courtesy = courtesy
        self._portal_url = portal_url.rstrip("/")

    def values(self, taken: Taken, contact: Contact | None, channel: str, language: str, now: datetime) -> Values:
        """Return what can be said; what is not known is not there."""
        fact = taken.fact
        local_now = self._courtesy.local(now, fact.commune)
        shown: dict[str, str] = {}
        codes: dict[str, frozenset[str]] = {}
        for name, value in fact.fields.items():
            said = self._said(value, fact.commune, local_now, language)
            if said is not None:
                shown[name] = said
            elif not isinstance(value, UUID):
                codes[name] = _codes(value)
        shown |= dict(self._organisations(taken))
        shown |= {name: said for name, said in self._about(taken, contact) if said}
        meeting = contact.meetings.get(fact.aggregate_id) if contact is not None else None
        if meeting is not None and meeting.modality is not None:
            codes.setdefault("modality", frozenset({meeting.modality}))
        return Values(shown, codes)

    def address(self, channel: str, raw: str | None, commune: str) -> str | None:
        """Return where a channel leads, as its carrier wants it."""
        if raw is None:
            return None
        if channel == "sms":
            return mobile(raw, commune)
        return raw if _EMAIL.fullmatch(raw) else None

    def _said(self, value: object, commune: str, now: datetime, language: str) -> str | None:
        if isinstance(value, datetime):
            return moment(self._courtesy.local(value, commune), now, language)
        if isinstance(value, date):
            return day(value, now, language)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, tuple) and value and all(isinstance(item, date) for item in value):
            return "\n".join(f"- {self._said(item, commune, now, language)}" for item in value)
        return None

    def _organisations(self, taken: Taken) -> Iterator[tuple[str, str]]:
        fact = taken.fact
        template = self._catalogue.get(taken.notice.template)
        roles = dict(fact.roles)
        role = template.contact[taken.notice.audience] if template is not None else ""
        if role == PLATFORM:
            yield "contact.name", self._platform.name
            yield "contact.phone", phone(self._platform.phone, fact.commune)
            yield "contact.address", self._platform.postal_address
        if role in roles:
            roles["contact"] = roles[role]
        for name, organisation_id in roles.items():
            found = taken.organisations.get(organisation_id)
            if found is not None:
                yield from _named(name, found, fact.commune)

    def _about(self, taken: Taken, contact: Contact | None) -> Iterator[tuple[str, str | None]]:
        fact = taken.fact
        yield "commune", name_of(fact.commune)
        if contact is None or taken.notice.audience == OPERATORS:
            yield "page", f"{self._portal_url}{_page(taken.notice.audience, fact)}"
            return
        yield "first_name", contact.first_name
        token = contact.links.get(fact.aggregate_id)
        page = "rejoindre" if taken.notice.audience == APPLICANT else "rendez-vous"
        yield "link", f"{self._portal_url}/{page}/{token}" if token else None
        meeting = contact.meetings.get(fact.aggregate_id)
        yield "place", meeting.place if meeting is not None else None


def _named(role: str, found: Organisation, commune: str) -> Iterator[tuple[str, str]]:
    yield f"{role}.name", found.name
    yield f"{role}.phone", phone(found.phone, commune)
    yield f"{role}.address", found.postal_address


def _codes(value: object) -> frozenset[str]:
    if isinstance(value, bool):
        return frozenset({"true"}) if value else frozenset()
    if isinstance(value, tuple):
        return frozenset(item for item in value if isinstance(item, str))
    return frozenset({value}) if isinstance(value, str) else frozenset()


def _page(audience: str, fact: Fact) -> str:
    """Return the path of the page of the portal where this audience works on it; ids only, never a token."""
    if audience == OPERATORS:
        return f"/demandes/{fact.aggregate_id}"
    webhook = fact.fields.get("webhook_id")
    if audience == OWNER and webhook is not None:
        return f"/webhooks/{webhook}"
    accompaniment = fact.fields.get("accompaniment_id")
    if audience in ("council", "employment_service") and accompaniment is not None:
        return f"/accompagnements/{accompaniment}"
    if audience in ("association", "council") and fact.referral_id is not None:
        return f"/orientations/{fact.referral_id}"
    return "/"
