"""Who may do what: scopes by kind of organisation, API clients and their secrets, members.

A secret is 256 random bits, so its SHA-256 is as hard to invert as it is; it is compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from partners.domain.errors import ScopeNotAllowed
from partners.domain.organisation import PARTNERS, Kind

MANAGE = "organisation:manage"
"""Own API clients, their secrets, and members."""

_STREAM = frozenset({"feed:read", "webhooks:manage", MANAGE})
"""What every organisation does with its own stream, and with its own access."""

_ACCOMPANYING = frozenset({"accompaniments:act", "appointments:act", "sessions:read", "enrolments:act", *_STREAM})
"""What both sides of a joint accompaniment do."""

SCOPES: Mapping[Kind, frozenset[str]] = MappingProxyType(
    {
        Kind.ASSOCIATION: frozenset({"referrals:write", "referrals:read", *_STREAM}),
        Kind.COUNCIL: frozenset({"referrals:answer", "referrals:read", *_ACCOMPANYING}),
        Kind.EMPLOYMENT_SERVICE: _ACCOMPANYING,
        Kind.TRAINING_PROVIDER: frozenset({"sessions:write", "sessions:read", "enrolments:act", *_STREAM}),
        Kind.SERVICE: frozenset({"claims:read", "members:act"}),
        Kind.OPERATOR: frozenset({"operations"}),
    }
)
"""What a client or member of each kind may ask for."""

PROGRAMS_ONLY = frozenset({"webhooks:manage", MANAGE})
"""Not given to members who answer referrals: a webhook sends a whole stream elsewhere, and a secret opens it."""

_MANAGING = PROGRAMS_ONLY | {"feed:read"}
"""A manager takes the stream's files: its events name nobody, and any program that a manager makes reads them too."""

ACT_FOR_MEMBERS = "members:act"
"""Lets a client obtain tokens in the name of members; only the portal has it."""

SECRET_BYTES = 32
"""256 bits: beyond guessing, so that no slow hash is needed."""

SECRETS_MAX = 2
"""Live secrets of one client: the one in use, and the one that replaces it."""

USE_NOTED_EVERY = timedelta(minutes=1)
"""How exact "last used" is: tokens are asked for all day, and each would be a write."""

SUFFIX_LETTERS = 6
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without letters that read alike on paper."""


class Role(StrEnum):
    """What a member does in their organisation."""

    VOLUNTEER = "volunteer"
    CASEWORKER = "caseworker"
    ADVISER = "adviser"
    TRAINER = "trainer"
    MANAGER = "manager"
    """Manages the organisation's access, and reads nobody's referrals."""
    OPERATOR = "operator"
    """Operates the platform."""


_WORKING = frozenset({Role.VOLUNTEER, Role.CASEWORKER, Role.ADVISER, Role.TRAINER})


def roles_of(kind: Kind) -> frozenset[Role]:
    """Return the roles that members of this kind of organisation may have."""
    if kind in PARTNERS:
        return _WORKING | {Role.MANAGER}
    return frozenset({Role.OPERATOR}) if kind is Kind.OPERATOR else frozenset()


def member_scopes(kind: Kind, role: Role) -> frozenset[str]:
    """Return what a member's tokens allow."""
    if role not in roles_of(kind):
        return frozenset()
    return _MANAGING if role is Role.MANAGER else SCOPES[kind] - PROGRAMS_ONLY


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret of a client; only its hash is known."""

    secret_id: UUID
    secret_sha256: bytes
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    def lives(self, at: datetime) -> bool:
        return self.expires_at is None or at < self.expires_at

    def unnoted(self, at: datetime) -> bool:
        """Say whether a use now is worth a write."""
        return self.last_used_at is None or at - self.last_used_at >= USE_NOTED_EVERY


@dataclass(frozen=True, slots=True)
class Client:
    """A program that may obtain tokens for its organisation, with the secrets that were not revoked, newest first."""

    client_id: str
    organisation_id: UUID
    secrets: tuple[Secret, ...]
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def proven_by(self, secret: str, at: datetime) -> Secret | None:
        """Return the live secret that this is, if the client stands; every one is compared, whichever it is."""
        wanted = hash_of(secret)
        found = [one for one in self.secrets if hmac.compare_digest(wanted, one.secret_sha256)]
        return next((one for one in found if self.revoked_at is None and one.lives(at)), None)

    def live(self, at: datetime) -> list[Secret]:
        """Return the secrets that open now."""
        return [one for one in self.secrets if one.lives(at)]


@dataclass(frozen=True, slots=True)
class Member:
    """A post that signs in through the portal; its label names a post, never a person."""

    member_id: UUID
    organisation_id: UUID
    role: Role
    label: str
    grant_id: UUID
    """What this member's tokens are issued on; another role is another grant."""


def hash_of(secret: str) -> bytes:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def new_secret() -> str:
    """Return a secret to be shown once."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_client_id(code: str) -> str:
    """Return an id that tells operators whose client it is."""
    return f"{code}-{random_letters()}"


def random_letters() -> str:
    """Return a few letters and digits that are easily copied by hand."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(SUFFIX_LETTERS))


def allowed_scopes(kind: Kind, asked: Iterable[str] | None) -> frozenset[str]:
    """Return the scopes asked for, all of the kind's when none is named; raises ScopeNotAllowed beyond them."""
    return narrowed(SCOPES[kind], asked)


def narrowed(held: frozenset[str], asked: Iterable[str] | None) -> frozenset[str]:
    """Return the part of `held` that was asked for; raises ScopeNotAllowed for more than is held."""
    if asked is None:
        return held
    wanted = frozenset(asked)
    if not wanted or not wanted <= held:
        raise ScopeNotAllowed
    return wanted
