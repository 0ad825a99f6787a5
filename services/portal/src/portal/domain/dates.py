"""The form that offers dates for an appointment: up to three, each a day and an hour, read as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from portal.domain.appointment import MODALITIES
from portal.domain.draft import Fault, clean
from portal.domain.plan import day_of

DATES_MAX = 3
DURATION_MINUTES = 45
DURATION_MINUTES_MIN, DURATION_MINUTES_MAX = 5, 480
AHEAD = timedelta(days=366)
PLACE_CHARS_MAX = 200
"""What the registration service accepts of a duration, a date and a place."""

HOUR = re.compile(r"^\s*([0-9]{1,2})\s*(?:[:hH]\s*([0-9]{2})?\s*)?$")


@dataclass(frozen=True, slots=True)
class Offer:
    """What was typed: for each date a day and an hour, then how and where."""

    days: tuple[str, ...]
    hours: tuple[str, ...]
    modality: str = ""
    duration: str = ""
    place: str = ""

    @classmethod
    def of(cls, values: Mapping[str, tuple[str, ...]]) -> Offer:
        def one(name: str) -> str:
            return next(iter(values.get(name, ())), "")

        numbers = range(1, DATES_MAX + 1)
        return cls(
            tuple(one(f"day_{n}") for n in numbers), tuple(one(f"hour_{n}") for n in numbers),
            one("modality"), one("duration"), one("place"),
        )  # fmt: skip


def hour_of(text: str) -> time | None:
    """Read an hour as an hour field sends it, `14:05`, or as people write it, `14 h 05` or `14h`."""
    found = HOUR.match(text.replace("\u202f", " ").replace("\u00a0", " "))
    if found is None:
        return None
    try:
        return time(int(found[1]), int(found[2] or 0))
    except ValueError:
        return None


def moment_of(day: str, hour: str, zone: tzinfo) -> datetime | None:
    """Return the moment that a day and an hour in `zone` name, or None when they name none."""
    read_day, read_hour = day_of(day), hour_of(hour)
    if read_day is None or read_hour is None:
        return None
    try:
        return datetime.combine(read_day, read_hour, zone).astimezone(UTC)
    except OverflowError:
        # The first or the last day there is: it is past, or too far ahead, in any zone.
        return datetime.min.replace(tzinfo=UTC) if read_day.year == 1 else datetime.max.replace(tzinfo=UTC)


def moments(offer: Offer, zone: tzinfo) -> tuple[datetime, ...]:
    """Return the dates typed, in their order in time, each once."""
    found = (moment_of(day, hour, zone) for day, hour in zip(offer.days, offer.hours, strict=True))
    return tuple(sorted({one for one in found if one is not None}))


def date_faults(offer: Offer, zone: tzinfo, now: datetime) -> Iterable[Fault]:
    """Return what is wrong with the dates; the first is needed, the others may stay empty."""
    earlier: set[datetime] = set()
    for n, (day, hour) in enumerate(zip(offer.days, offer.hours, strict=True), 1):
        if not day.strip() and not hour.strip():
            if n == 1:
                yield Fault("day_1", "fault.date.missing")
            continue
        moment = moment_of(day, hour, zone)
        if day_of(day) is None:
            yield Fault(f"day_{n}", "fault.date.day")
        elif moment is None:
            yield Fault(f"day_{n}", "fault.date.hour")
        elif moment <= now:
            yield Fault(f"day_{n}", "fault.date.past")
        elif moment > now + AHEAD:
            yield Fault(f"day_{n}", "fault.date.far")
        elif moment in earlier:
            yield Fault(f"day_{n}", "fault.date.twice")
        else:
            earlier.add(moment)


def meeting_faults(offer: Offer, office: str) -> Iterable[Fault]:
    """Return what is wrong with how and where; the address of the `office`, written there for whoever comes, joins no
    video and no chat."""
    if offer.modality not in MODALITIES:
        yield Fault("modality", "fault.modality")
    minutes = minutes_of(offer)
    if minutes is None:
        yield Fault("duration", "fault.duration")
    place = clean(offer.place)
    away = offer.modality in ("video", "chat")
    if (not place and offer.modality == "in_person") or (away and place in ("", office)):
        yield Fault("place", f"fault.place.{offer.modality}")
    elif len(place) > PLACE_CHARS_MAX:
        yield Fault("place", "fault.place.long")


def minutes_of(offer: Offer) -> int | None:
    text = offer.duration.strip()
    minutes = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    return minutes if DURATION_MINUTES_MIN <= minutes <= DURATION_MINUTES_MAX else None


def body(offer: Offer, zone: tzinfo) -> dict[str, object]:
    """Return what of the body of `POST /appointments` this form decides, for an offer without faults."""
    return {
        "modality": offer.modality,
        "options": [instant(one) for one in moments(offer, zone)],
        "duration_minutes": minutes_of(offer),
        "place": None if offer.modality == "phone" else clean(offer.place) or None,
    }


def instant(moment: datetime) -> str:
    """Write a moment as the services read it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def seen(agreed: datetime | None) -> str:
    """Return how a page says, in its forms, which agreed date it shows; nothing when it shows none."""
    return "" if agreed is None else instant(agreed)


def seen_in(text: str) -> datetime | None:
    """Return the moment that `seen` wrote; None for nothing, and for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment


def instead_of(agreed: datetime | None) -> dict[str, object]:
    """Return the part of a body that lets the service take this date away, and no other one."""
    return {} if agreed is None else {"instead_of": instant(agreed)}
