"""What the broker should have of all accesses, what it has, and what has to be done about the difference.

Only names that begin with `partner-` are ever looked at: every other user of the broker is somebody else's, and nothing
here can put one into a repair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from partners.domain.kafka_access import USER_PREFIX, group_prefix_of, user_of

MECHANISM: Final = "SCRAM-SHA-512"
UNREADABLE: Final = "unknown"
"""A part of a right for which this client has no word; such a right cannot be named in order to remove it."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One rule of the broker, in its own words, small letters."""

    user: str
    resource: str
    name: str
    pattern: str
    operation: str
    permission: str = "allow"
    host: str = "*"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An access that the broker should have, wholly."""

    code: str
    topic: str


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as the broker has it."""

    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """What the broker has; topics are those that were asked for."""

    topics: Mapping[str, FoundTopic]
    credentials: Mapping[str, frozenset[str]]
    """User to the mechanisms by which it can log in."""
    rights: frozenset[Right]


@dataclass(frozen=True, slots=True)
class Drift:
    """One kind of difference at one organisation; `repaired` says whether something can be done about it here."""

    code: str
    kind: str
    count: int = 1
    repaired: bool = True


@dataclass(frozen=True, slots=True)
class Repairs:
    """What brings the broker back, in the order in which it has to be done, and what to tell about it."""

    rights_removed: Sequence[Right]
    credentials_removed: Sequence[tuple[str, str]]
    """User and mechanism."""
    rights_granted: Sequence[Right]
    topics_configured: Sequence[str]
    codes_without_topic: frozenset[str]
    codes_without_user: frozenset[str]
    drifts: Sequence[Drift]


def rights_of(code: str, topic: str) -> frozenset[Right]:
    """Return all that an organisation's user may do."""
    user = user_of(code)
    return frozenset(
        {
            Right(user, "topic", topic, "literal", "read"),
            Right(user, "topic", topic, "literal", "describe"),
            Right(user, "group", group_prefix_of(code), "prefixed", "read"),
        }
    )


def compare(
    wanted: Sequence[Wanted],
    changing: Iterable[str],
    found: Found,
    *,
    partitions: int,
    config: Mapping[str, str],
    spared: str = "",
) -> Repairs:
    """Return what to do; nothing about the codes in `changing`, which are being granted or revoked at this moment.

    `spared` is our own user: it is left alone even where a site gave it a name like an organisation's.
    """
    left_alone = {user_of(code) for code in changing} | {spared}
    rights = {one for one in found.rights if _ours(one.user, left_alone)}
    credentials = {
        (user, one) for user, several in found.credentials.items() if _ours(user, left_alone) for one in several
    }
    wanted_rights = {right for one in wanted for right in rights_of(one.code, one.topic)}
    wanted_credentials = {(user_of(one.code), MECHANISM) for one in wanted}
    foreign = rights - wanted_rights
    unreadable = {one for one in foreign if UNREADABLE in (one.resource, one.pattern, one.operation, one.permission)}
    missing_topics = {one for one in wanted if one.topic not in found.topics}
    present = [(one, found.topics[one.topic]) for one in wanted if one.topic in found.topics]
    changed = [one for one, topic in present if any(topic.config.get(name) != text for name, text in config.items())]
    divided = [one for one, topic in present if topic.partitions != partitions]
    lost = {_code(user) for user, _ in wanted_credentials - credentials}
    extra_credentials = credentials - wanted_credentials
    known = {user_of(one.code) for one in wanted}
    drifts = [
        *_counted("right_missing", (one.user for one in wanted_rights - rights)),
        *_counted("right_foreign", (one.user for one in foreign - unreadable)),
        *_counted("right_unreadable", (one.user for one in unreadable), repaired=False),
        *_counted("login_foreign", (user for user, _ in extra_credentials if user in known)),
        *_counted("user_foreign", {user for user, _ in extra_credentials if user not in known}),
        *(Drift(one.code, "topic_missing") for one in sorted(missing_topics, key=lambda one: one.code)),
        *(Drift(one.code, "topic_settings") for one in changed),
        *(Drift(one.code, "topic_partitions", repaired=False) for one in divided),
        *(Drift(code, "user_missing", repaired=False) for code in sorted(lost)),
    ]
    return Repairs(
        sorted(foreign - unreadable),
        sorted(extra_credentials),
        sorted(wanted_rights - rights),
        [one.topic for one in changed],
        frozenset(one.code for one in missing_topics),
        frozenset(lost),
        drifts,
    )


def _ours(user: str, left_alone: set[str]) -> bool:
    return user.startswith(USER_PREFIX) and user not in left_alone


def _code(user: str) -> str:
    return user.removeprefix(USER_PREFIX)


def _counted(kind: str, users: Iterable[str], *, repaired: bool = True) -> list[Drift]:
    counts: dict[str, int] = {}
    for user in users:
        counts[_code(user)] = counts.get(_code(user), 0) + 1
    return [Drift(code, kind, count, repaired) for code, count in sorted(counts.items())]
