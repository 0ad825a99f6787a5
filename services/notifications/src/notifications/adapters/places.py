"""What is particular to a place: its clock, its public holidays, its telephone numbers, its name.

Decided by the code of the commune alone: overseas codes begin with three digits of their own. A code nobody knows is
read as a place in metropolitan France: a notice is sent at a decent hour there rather than not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

import territory
from chassis.errors import SettingsRefused


@dataclass(frozen=True, slots=True)
class Place:
    """One set of customs: zone, subdivision of the `holidays` library, region of the `phonenumbers` library."""

    zone: str
    holidays: str | None
    phones: str


METROPOLITAN = Place("Europe/Paris", None, "FR")
PLACES: Mapping[str, Place] = {
    # In Alsace and Moselle two more days are holidays, by a law of 1892.
    "57": Place("Europe/Paris", "57", "FR"),
    "67": Place("Europe/Paris", "6AE", "FR"),
    "68": Place("Europe/Paris", "6AE", "FR"),
    "971": Place("America/Guadeloupe", "971", "GP"),
    "972": Place("America/Martinique", "972", "MQ"),
    "973": Place("America/Cayenne", "973", "GF"),
    "974": Place("Indian/Reunion", "974", "RE"),
    "975": Place("America/Miquelon", "PM", "PM"),
    "976": Place("Indian/Mayotte", "976", "YT"),
    "977": Place("America/St_Barthelemy", "BL", "GP"),
    "978": Place("America/Marigot", "MF", "GP"),
    "986": Place("Pacific/Wallis", "WF", "WF"),
    "987": Place("Pacific/Tahiti", "PF", "PF"),
    "988": Place("Pacific/Noumea", "NC", "NC"),
}
"""By the beginning of a commune's code."""


def place_of(commune: str) -> Place:
    """Return the customs of the commune."""
    return PLACES.get(commune[:3]) or PLACES.get(commune[:2], METROPOLITAN)


def phone_region(commune: str) -> str:
    """Return where a number written without its country is dialled."""
    return place_of(commune).phones


def name_of(commune: str) -> str | None:
    """Return the commune's name, of the one it became where it was merged; None for an unknown code."""
    try:
        return territory.commune(commune).name
    except territory.MergedCommune as merged:
        return merged.successor.name
    except territory.UnknownCommune:
        return None


class FrenchCalendar:
    """The `Calendar` port for all of France; refuses to start where the machine does not know our time zones."""

    def __init__(self) -> None:
        try:
            self._zones = {place.zone: ZoneInfo(place.zone) for place in (METROPOLITAN, *PLACES.values())}
        except ZoneInfoNotFoundError as error:
            raise SettingsRefused(f"time zones are missing ({error}): install the system's tzdata package") from None

    def zone(self, commune: str) -> ZoneInfo:
        return self._zones[place_of(commune).zone]

    def is_holiday(self, day: date, commune: str) -> bool:
        return day in _holidays(place_of(commune).holidays, day.year)


@lru_cache(maxsize=64)
def _holidays(subdivision: str | None, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("FR", subdiv=subdivision, years=year))
