"""The values that events are made of, each with the form a reader may rely on.

Codes are constrained by a pattern; open sets (a status, a kind, a reason) are documented strings, because
widening an enumeration would break a strict reader. Patterns are written so that they mean the same to
Python, Rust and ECMAScript, hence `[0-9]` and never `\\d`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999 once in UTC") from None


VERSION_MAX = 2**53 - 1
"""The largest integer that every JSON reader keeps exact; also below PostgreSQL's bigint."""

CODE_PATTERN = r"^[a-z0-9]{1,32}$"
"""Organisation codes go into topic names, ACL prefixes and group prefixes: no separator, bounded."""

TEXT_PATTERN = r"^[^\x00]+$"
"""Not empty, and without the one character that PostgreSQL cannot store."""

UtcDatetime = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with its offset, converted to UTC; written `2026-03-02T09:30:00Z`."""

AggregateVersion = Annotated[int, Field(ge=1, le=VERSION_MAX)]

ReferralId = UUID
OrganisationId = UUID
SubjectRef = UUID
AccompanimentId = UUID
ActionId = UUID
AppointmentId = UUID
SessionId = UUID
EnrolmentId = UUID
NoticeId = UUID

CommuneCode = Annotated[str, Field(pattern=r"^(?:[0-9]{2}|2[AB])[0-9]{3}$")]
"""INSEE code of a commune, five characters. A postal code is not one."""

EpciCode = Annotated[str, Field(pattern=r"^[0-9]{9}$")]
"""SIREN of an intercommunal body."""

DepartementCode = Annotated[str, Field(pattern=r"^(?:[0-9]{2,3}|2[AB])$")]

CollectivityCode = Annotated[str, Field(pattern=r"^[0-9A-Z]{2,5}$")]
"""INSEE code of a territorial collectivity with the powers of a département, such as `69M` or `6AE`."""

OrganisationCode = Annotated[str, Field(pattern=CODE_PATTERN)]

ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{1,128}$")]

Theme = Annotated[str, Field(pattern=r"^[a-z0-9-]+--[a-z0-9-]+$")]
"""A thématique of the data-inclusion vocabulary: `<category>--<need>`."""

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A member of an open set: treat a value you do not know as "other", never as an error."""

Text = Annotated[str, Field(pattern=TEXT_PATTERN, max_length=500)]
