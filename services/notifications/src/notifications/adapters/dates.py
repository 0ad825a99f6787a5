"""Moments and telephone numbers as people say them: dates in full, in the time of the place where the person lives."""

from __future__ import annotations

from datetime import date, datetime

import phonenumbers
from babel.dates import format_date

from notifications.adapters.places import phone_region

_FULL = "EEEE d MMMM"
_FRANCE = 33
_MOBILES = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)


def moment(at: datetime, now: datetime, language: str) -> str:
    """Return `mardi 24 novembre à 14 h`, with the year where it is not the present one; both are local times."""
    if language == "en":
        hour = f"{at.hour % 12 or 12}{f':{at.minute:02}' if at.minute else ''} {'am' if at.hour < 12 else 'pm'}"
        return f"{day(at.date(), now, language)} at {hour}"
    return f"{day(at.date(), now, language)} à {at.hour} h{f' {at.minute:02}' if at.minute else ''}"


def day(of: date, now: datetime, language: str) -> str:
    """Return `mardi 24 novembre`, with the year where it is not the present one."""
    said = format_date(of, f"{_FULL} y" if of.year != now.year else _FULL, locale=language)
    # CLDR's pattern has no ordinal, and nobody says "le un décembre".
    return said.replace(" 1 ", " 1er ", 1) if language == "fr" else said


def phone(raw: str, commune: str) -> str:
    """Return an organisation's number as people there dial it; as it was given where it is no number we know."""
    try:
        parsed = phonenumbers.parse(raw, phone_region(commune))
    except phonenumbers.NumberParseException:
        return raw
    if not phonenumbers.is_possible_number(parsed):
        return raw
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)


def mobile(raw: str, commune: str) -> str | None:
    """Return a number that receives SMS, as `+33…`; None for anything else, landlines included."""
    try:
        parsed = phonenumbers.parse(raw, phone_region(commune))
    except phonenumbers.NumberParseException:
        return None
    if not _is_mobile(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _is_mobile(number: phonenumbers.PhoneNumber) -> bool:
    if number.country_code == _FRANCE and phonenumbers.is_possible_number(number):
        # By the numbering plan; the library knows only blocks already given out, and not those kept for fiction.
        return str(number.national_number)[0] in "67"
    return phonenumbers.number_type(number) in _MOBILES
