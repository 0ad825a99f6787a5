"""The topic table: every topic that exists, who writes it and what may be on it.

A topic has one writing service. Names use hyphens only, and a new major is a new topic. The number of
partitions is never changed in place: the order of a key's events depends on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from maillage_contracts.types import CODE_PATTERN

PREFIX = "fr.maillage."
"""What every ce_type begins with."""

MESSAGE_BYTES_MAX = 1_048_576
"""Kafka's own default (1 MiB), for a batch with its headers."""

VALUE_BYTES_MAX = 1_000_000
"""What a writer may put in one value: the rest of MESSAGE_BYTES_MAX is for key, headers and framing."""

_DAY_MS = 86_400_000
_CODE = re.compile(CODE_PATTERN)


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of the table; for the partner topic, `name` is a pattern with `<code>`."""

    name: str
    key: str
    """The field of the event whose value is the record's key."""
    owner: str
    """The only service that writes it."""
    types: tuple[str, ...]
    """The types first published here."""
    other_keys: tuple[str, ...] = ()
    """Fields that key some of its types instead; the order between keys is then that of its one partition."""
    partitions: int = 12
    retention_days: int | None = 30
    """None keeps every record for ever."""
    message_bytes_max: int = MESSAGE_BYTES_MAX
    relayed_types: tuple[str, ...] = ()
    """Types of other topics that are copied here unchanged, under their own ce_id."""

    @property
    def config(self) -> dict[str, str]:
        """Return the topic's settings under the names that Kafka gives them."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": "-1" if self.retention_days is None else str(self.retention_days * _DAY_MS),
            "max.message.bytes": str(self.message_bytes_max),
            # A record is dated by its broker: a writer whose clock is an hour ahead would be refused for as long as it
            # is (message.timestamp.after.max.ms), and one that is behind would shorten retention. `ce_time` is the
            # event's own time.
            "message.timestamp.type": "LogAppendTime",
        }


def _types(stem: str, *facts: str) -> tuple[str, ...]:
    return tuple(f"{PREFIX}{stem}.{fact}.v1" for fact in facts)


REFERRALS = Topic(
    name="referrals-referral-v1",
    key="referral_id",
    owner="referrals",
    types=_types(
        "referrals.referral",
        "submitted",
        "received",
        "opened",
        "review_started",
        "accepted",
        "declined",
        "withdrawn",
        "overdue",
        "expired",
        "moved",
    ),
)

PERSONS = Topic(
    name="registration-person-v1",
    key="subject_ref",
    owner="registration",
    types=_types("registration.person", "identified", "tier_changed", "erased"),
)

APPOINTMENTS = Topic(
    name="registration-appointment-v1",
    key="appointment_id",
    owner="registration",
    types=_types("registration.appointment", "proposed", "booked", "postponed", "held", "missed", "cancelled"),
)

ACCOMPANIMENTS = Topic(
    name="referrals-accompaniment-v1",
    key="accompaniment_id",
    owner="referrals",
    types=_types(
        "referrals.accompaniment",
        "proposed",
        "accepted",
        "activated",
        "refused",
        "plan_changed",
        "term_due",
        "review_due",
        "reviewed",
        "ended",
    ),
)

SESSIONS = Topic(
    name="training-session-v1",
    key="session_id",
    owner="training",
    types=_types("training.session", "opened", "cancelled"),
)

ENROLMENTS = Topic(
    name="training-enrolment-v1",
    key="enrolment_id",
    owner="training",
    types=_types(
        "training.enrolment",
        "requested",
        "found_ineligible",
        "seat_held",
        "confirmed",
        "waitlisted",
        "seat_offered",
        "offer_expired",
        "refused",
        "withdrawn",
        "started",
        "completed",
        "ended_early",
    ),
)

NOTICES = Topic(
    name="notifications-notice-v1",
    key="notice_id",
    owner="notifications",
    types=_types("notifications.notice", "held", "suppressed", "superseded", "sent", "delivered", "exhausted"),
)

ORGANISATIONS = Topic(
    name="partners-organisation-v1",
    key="organisation_id",
    owner="partners",
    types=(
        *_types("partners.organisation", "registered", "changed"),
        *_types("partners.client", "revoked"),
        *_types("partners.webhook", "disabled"),
        *_types("partners.access", "ended"),
    ),
    # A service that starts years later builds its directory from here. A few records a year, nobody's personal data;
    # compaction would drop a revocation behind a later change of the same organisation.
    retention_days=None,
)

JOINING = Topic(
    name="partners-joining-v1",
    key="join_request_id",
    owner="partners",
    types=_types("partners.join_request", "submitted", "confirmed", "approved", "refused", "expired"),
)

PARTNER_TOPIC = Topic(
    name="partner-<code>-v1",
    key="referral_id",
    owner="partners",
    types=_types("partners.stream", "snapshot", "left_scope", "event_erased"),
    other_keys=("event_id",),
    partitions=1,
    retention_days=35,
    relayed_types=(*REFERRALS.types, *PERSONS.types, *ACCOMPANIMENTS.types, *APPOINTMENTS.types, *ENROLMENTS.types),
)
"""The pattern of every organisation's own topic. A copied event keeps the key of its source topic."""

TOPICS: tuple[Topic, ...] = (
    REFERRALS,
    ACCOMPANIMENTS,
    PERSONS,
    APPOINTMENTS,
    SESSIONS,
    ENROLMENTS,
    NOTICES,
    ORGANISATIONS,
    JOINING,
)
"""The topics to create when the platform starts; each organisation's own is created when it asks."""


def partner_topic_name(code: str) -> str:
    """Return the name of an organisation's own topic; raise ValueError where the code is not one."""
    if not _CODE.fullmatch(code):
        raise ValueError("not an organisation code: lower-case letters and digits, 1 to 32")
    return PARTNER_TOPIC.name.replace("<code>", code)
