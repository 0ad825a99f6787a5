"""Moments and telephone numbers as people say them: dates in full, in the time of the place where the person lives."""

from __future__ import annotations

from datetime import date, datetime

import phonenumbers
from babel.dates import format_date

from notifications.adapters.places import phone_region

_FULL = "EEEE d MMMM"
_FRANCE, _FRANCE_CODE = "FR", 33
_OVERSEAS = ("GP", "MQ", "GF", "RE", "YT", "PM")
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
    parsed = _parsed(raw, phone_region(commune))
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        return raw
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)


def mobile(raw: str, commune: str) -> str | None:
    """Return a number that receives SMS, as `+33…`; None for anything else, landlines included.

    What is dialled 0690 in Paris is a number of Guadeloupe: France has one plan and several country codes.
    """
    for region in dict.fromkeys((phone_region(commune), _FRANCE, *_OVERSEAS)):
        parsed = _parsed(raw, region)
        if parsed is not None and phonenumbers.number_type(parsed) in _MOBILES:
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    # The library knows only blocks already given out, and not those kept for fiction.
    parsed = _parsed(raw, _FRANCE)
    if parsed is None or parsed.country_code != _FRANCE_CODE or not phonenumbers.is_possible_number(parsed):
        return None
    is_mobile = str(parsed.national_number)[0] in "67"
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if is_mobile else None


def _parsed(raw: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
