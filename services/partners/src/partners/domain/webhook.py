"""A webhook: its states, its secrets, and what follows from each answer of its receiver.

Nothing is lost by pausing or by being disabled: the position stands, and delivery goes on from there. An event that
its receiver refuses is tried RETRY_SECONDS long; later events of the same aggregate wait behind it, others do not.
"""

from __future__ import annotations

import base64
import random
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

WEBHOOKS_MAX: Final = 5
"""An organisation's own, so that nobody takes the places of many."""

SECRETS_MAX: Final = 3
"""Live at once: each adds a signature to every delivery."""

SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"
OVERLAP_HOURS_MAX: Final = 168
OVERLAP_HOURS: Final = 24
"""How long an old secret goes on signing beside a new one, unless said."""

RETRY_SECONDS: Final = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 50_400)
"""Between one attempt and the next: eleven attempts over 29 h 43 min."""

JITTER: Final = 0.1
"""Each wait is up to this share shorter or longer, so that what failed together does not come back together."""

RETRY_AFTER_SECONDS_MAX: Final = 3_600
"""A receiver may ask for this much rest; a longer wish is taken as this."""

FAILING_AT: Final = 3
"""Failures in a row after which the receiver, not the event, is taken to be at fault: one request at a time."""

PROBE_SECONDS: Final = (10, 300)
"""First and longest rest before a failing receiver is tried with something new."""

LOG_DAYS: Final = 14

ERASED: Final = "fr.maillage.registration.person.erased.v1"
"""Sent whatever the filter: whoever was told of a person is told to forget them."""

OURS: Final = "internal"
"""In the log instead of an answer: the fault is on our side."""

WITHDRAWN: Final = "withdrawn"
"""In the log instead of an answer: not sent (any more), because its person was erased since."""


class State(StrEnum):
    """Where a webhook stands."""

    PENDING = "pending"
    """Its address has not answered the challenge yet."""
    ACTIVE = "active"
    PAUSED = "paused"
    """By its organisation."""
    DISABLED = "disabled"
    """By us: it said 410, or the last attempt failed."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook as people see it."""

    webhook_id: UUID
    organisation_id: UUID
    url: str
    event_types: tuple[str, ...] | None
    state: State
    reason: str | None
    position: int
    replay_position: int | None
    replay_until: int | None
    failures: int
    last_success_at: datetime | None
    created_at: datetime
    changed_at: datetime
    missed_events: int = 0
    """Of its types, what was purged before it was sent: it was paused, disabled or behind for two years."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret as people see it after it was shown."""

    secret_id: UUID
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request to a receiver."""

    outcome: str
    """`delivered`, `gone`, or why not: `status`, `redirect`, `timeout`, `connection`, `tls`, `dns`, `address`, OURS."""
    status: int | None = None
    took_ms: int = 0
    text: str = ""
    """The answer's words, as far as they are harmless (see shown)."""
    retry_after: int | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver has it."""
        return self.outcome == "delivered"


def new_secret() -> str:
    """Return a secret in the form of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def outcome_of(status: int) -> str:
    """Return what a status means: 2xx is delivered, 410 never again, and a redirect is not followed."""
    if 200 <= status < 300:
        return "delivered"
    if status == 410:
        return "gone"
    return "redirect" if 300 <= status < 400 else "status"


def next_attempt(attempts: int, answer: Answer, at: datetime) -> datetime | None:
    """Return when to try again after `attempts` of them, or None when that was the last.

    A receiver's Retry-After makes the wait longer, never shorter.
    """
    if attempts > len(RETRY_SECONDS):
        return None
    wait = RETRY_SECONDS[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)
    return at + timedelta(seconds=max(wait, asked_rest(answer)))


def asked_rest(answer: Answer) -> int:
    """Return for how many seconds the receiver asked to be left alone, within bounds."""
    return min(max(answer.retry_after or 0, 0), RETRY_AFTER_SECONDS_MAX)


def probe_after(failures: int, at: datetime) -> datetime | None:
    """Return before when nothing new is tried on a receiver that failed `failures` times in a row."""
    if failures < FAILING_AT:
        return None
    first, longest = PROBE_SECONDS
    return at + timedelta(seconds=min(first * 2 ** min(failures - FAILING_AT, 8), longest))


def wants(event_types: Sequence[str] | None, ce_type: str) -> bool:
    """Say whether a filter lets a type through."""
    return event_types is None or ce_type in event_types or ce_type == ERASED


TEXT_READ_MAX: Final = 600
TEXT_SHOWN_MAX: Final = 160
_WORD: Final = re.compile(r"[A-Za-zÀ-ÿ]+")
_WORDS: Final = (
    "accept accepted access already authentication authorized bad body busy certificate client conflict connection "
    "content denied down empty entity error exception expired fail failed forbidden found gateway gone header html "
    "http id in internal invalid is json large limit line maintenance malformed many match method mismatch missing no "
    "not null of ok on page parameter payload permanently proxy rate received request required retry schema secret "
    "server service signature ssl success syntax temporarily the time timeout timestamp tls to token too unauthorized "
    "unavailable unexpected unknown unprocessable unsupported type value verification version webhook wrong absent "
    "accès acces attendu charge corps délai delai en erreur est expiré expire interdit interne invalide inconnu "
    "indisponible introuvable la le manquant mauvais non pas refus refusé refuse requête requete serveur temps trop "
)
_HARMLESS: Final = frozenset(_WORDS.split())
"""The words of technical errors. What is not among them may be somebody's name and is not kept."""


def shown(body: bytes) -> str:
    """Return what may be kept of an answer's body: its technical words, cut; every other word becomes `…`."""
    words: list[str] = []
    for word in _WORD.findall(body[:TEXT_READ_MAX].decode("utf-8", "ignore")):
        kept = word if word.lower() in _HARMLESS else "…"
        if not (kept == "…" and words and words[-1] == "…"):
            words.append(kept)
    return " ".join(words)[:TEXT_SHOWN_MAX]
