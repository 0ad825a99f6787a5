"""Who may do what: scopes by kind of organisation, API clients and their secrets, members.

A secret is 256 random bits, so its SHA-256 is as hard to invert as it is; it is compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from partners.domain.errors import ScopeNotAllowed
from partners.domain.organisation import Kind

_STREAM = frozenset({"feed:read", "webhooks:manage"})
"""What every organisation does with its own stream."""

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

PROGRAMS_ONLY = frozenset({"webhooks:manage"})
"""Not given to members: a webhook sends a whole stream elsewhere, which is not for whoever answers a referral."""

ACT_FOR_MEMBERS = "members:act"
"""Lets a client obtain tokens in the name of members; only the portal has it."""

SECRET_BYTES = 32
"""256 bits: beyond guessing, so that no slow hash is needed."""

CLIENT_SUFFIX_BYTES = 5
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without letters that read alike on paper."""


class Role(StrEnum):
    """What a member does in their organisation."""

    VOLUNTEER = "volunteer"
    CASEWORKER = "caseworker"
    ADVISER = "adviser"
    TRAINER = "trainer"


@dataclass(frozen=True, slots=True)
class Client:
    """A program that may obtain tokens for its organisation."""

    client_id: str
    organisation_id: UUID
    secret_sha256: bytes
    scopes: frozenset[str]
    revoked_at: datetime | None = None

    def proves(self, secret: str) -> bool:
        """Say whether the secret is this client's and the client still stands; takes the same time either way."""
        matches = hmac.compare_digest(hash_of(secret), self.secret_sha256)
        return matches and self.revoked_at is None


@dataclass(frozen=True, slots=True)
class Member:
    """A post that signs in through the portal; its label names a post, never a person."""

    member_id: UUID
    organisation_id: UUID
    role: Role
    label: str


def hash_of(secret: str) -> bytes:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def new_secret() -> str:
    """Return a secret to be shown once."""
    return secrets.token_urlsafe(SECRET_BYTES)


def new_client_id(code: str) -> str:
    """Return an id that tells operators whose client it is."""
    return f"{code}-{''.join(secrets.choice(_ALPHABET) for _ in range(CLIENT_SUFFIX_BYTES + 1))}"


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
