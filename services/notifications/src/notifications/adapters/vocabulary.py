"""The names a text may use for an event, with the longest that each can be: known before anything is sent.

Moments, days and numbers are shown; codes (a reason, a modality) can only be asked for in a condition. Organisations
appear by their role, with name, telephone and address.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Union, get_args, get_origin

from pydantic import AwareDatetime

from maillage_contracts import Event
from notifications.adapters.dates import day, moment
from notifications.domain.fact import APPLICANT, ORGANISATION_ROLES, PERSON
from notifications.domain.template import LANGUAGES
from notifications.domain.texts import Values

ROLES = (*ORGANISATION_ROLES, "contact")
APPLICATION = "join_request_id"
"""The aggregate of events about a request to join: what is told of them is told to whoever asked."""

# One word each, since readers take a name or a number as one.
_NAME, _PHONE, _ADDRESS = "Organisation", "01.99.00.00.00", "Adresse"
_RANK = "100000"


@dataclass(frozen=True, slots=True)
class Name:
    """One name: what it may stand for, and whether it may be missing."""

    longest: Mapping[str, str] | None = None
    """By language; None for what is not shown."""
    optional: bool = False
    code: bool = False


def vocabulary(model: type[Event], audiences: Collection[str]) -> Mapping[str, Name]:
    """Return the names for texts about this event, to these audiences."""
    names = {"commune": _same("Commune", optional=True)}
    for role in ROLES:
        optional = role != "contact"
        names |= {
            f"{role}.name": _same(_NAME, optional=optional),
            f"{role}.phone": _same(_PHONE, optional=optional),
            f"{role}.address": _same(_ADDRESS, optional=optional),
        }
    for field, info in model.model_fields.items():
        found = _kind(info.annotation)
        if found is not None:
            names[field] = found
    if PERSON in audiences:
        names["first_name"] = _same("Prénom", optional=True)
        if model.aggregate_field == "appointment_id":
            names |= {"link": _same("https://exemple", optional=True), "place": _same("Adresse", optional=True)}
            names.setdefault("modality", Name(code=True))
    elif APPLICANT in audiences:
        names["link"] = _same("https://exemple")
    else:
        names["page"] = _same("https://exemple")
    return names


def longest(names: Mapping[str, Name], language: str) -> Values:
    """Return the longest that each name can be."""
    return Values({name: kind.longest[language] for name, kind in names.items() if kind.longest is not None})


def is_moment(annotation: Any) -> bool:
    """Say whether a field of a contract is a moment, which nothing of pydantic's says in one way."""
    return _bare(annotation) in (datetime, AwareDatetime)


def _same(text: str, *, optional: bool = False) -> Name:
    return Name(dict.fromkeys(LANGUAGES, text), optional)


def _kind(annotation: Any) -> Name | None:
    arguments = get_args(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        inner = _kind(next(argument for argument in arguments if argument is not type(None)))
        return None if inner is None else Name(inner.longest, True, inner.code)
    if get_origin(annotation) is tuple:
        item = _kind(_bare(arguments[0]))
        return item if item is None or item.code else Name(item.longest)
    bare = _bare(annotation)
    if bare is bool or bare is str:
        return Name(code=True)
    if bare is int:
        return _same(_RANK)
    if is_moment(bare):
        return Name(_LONGEST_MOMENT)
    return Name(_LONGEST_DAY) if bare is date else None


def _bare(annotation: Any) -> Any:
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


def _longest_of_a_year(language: str, *, hour: bool) -> str:
    start = datetime(2027, 1, 1, 12, 30)  # noqa: DTZ001  # a local time, of no place
    another_year = datetime(2026, 1, 1)  # noqa: DTZ001  # so that the year is said
    moments = [start + timedelta(days=n) for n in range(365)]
    said = [moment(at, another_year, language) if hour else day(at.date(), another_year, language) for at in moments]
    return max(said, key=len)


_LONGEST_MOMENT = {language: _longest_of_a_year(language, hour=True) for language in LANGUAGES}
_LONGEST_DAY = {language: _longest_of_a_year(language, hour=False) for language in LANGUAGES}
