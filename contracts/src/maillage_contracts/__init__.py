"""Events of Maillage: models, envelope, topics and codec, for everybody who reads or writes them.

The names below are the public ones and follow semantic versioning. Depends on pydantic only; what needs more is apart:
`feed` (httpx) and `kafka` (confluent-kafka); `webhook` needs nothing.
"""

from maillage_contracts.accompaniments import (
    AccompanimentAccepted,
    AccompanimentActivated,
    AccompanimentEnded,
    AccompanimentPlanChanged,
    AccompanimentProposed,
    AccompanimentRefused,
    AccompanimentReviewDue,
    AccompanimentReviewed,
    AccompanimentTermDue,
    PlannedAction,
)
from maillage_contracts.appointments import (
    POSTPONEMENT_READERS,
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentHeld,
    AppointmentMissed,
    AppointmentPostponed,
    AppointmentProposed,
)
from maillage_contracts.base import Event
from maillage_contracts.codec import Decoded, Record, decode, decode_value, encode, encode_structured
from maillage_contracts.enrolments import (
    EnrolmentCompleted,
    EnrolmentConfirmed,
    EnrolmentEndedEarly,
    EnrolmentFoundIneligible,
    EnrolmentOfferExpired,
    EnrolmentRefused,
    EnrolmentRequested,
    EnrolmentSeatHeld,
    EnrolmentSeatOffered,
    EnrolmentStarted,
    EnrolmentWaitlisted,
    EnrolmentWithdrawn,
)
from maillage_contracts.envelope import Envelope, envelope_for
from maillage_contracts.errors import (
    ContractError,
    EnvelopeMismatch,
    InvalidPayload,
    UnknownType,
    UnsupportedMajor,
)
from maillage_contracts.notices import (
    NoticeDelivered,
    NoticeExhausted,
    NoticeHeld,
    NoticeSent,
    NoticeSuperseded,
    NoticeSuppressed,
)
from maillage_contracts.organisations import (
    ApiClientRevoked,
    OrganisationChanged,
    OrganisationRegistered,
    Territory,
)
from maillage_contracts.persons import PersonErased, PersonIdentified, PersonTierChanged
from maillage_contracts.referrals import (
    ReferralAccepted,
    ReferralDeclined,
    ReferralExpired,
    ReferralOverdue,
    ReferralReceived,
    ReferralReviewStarted,
    ReferralSubmitted,
    ReferralWithdrawn,
    Routing,
)
from maillage_contracts.registry import (
    MODELS,
    dataschema_of,
    key_of,
    model_for,
    subject_of,
    topic_for,
    type_of,
)
from maillage_contracts.schema import schema_for
from maillage_contracts.stream import ReferralLeftScope, ReferralSnapshot
from maillage_contracts.topics import PARTNER_TOPIC, TOPICS, Topic, partner_topic_name
from maillage_contracts.training import (
    TrainingSessionCancelled,
    TrainingSessionOpened,
)
from maillage_contracts.webhooks import WebhookDisabled

__all__ = [
    "MODELS",
    "PARTNER_TOPIC",
    "POSTPONEMENT_READERS",
    "TOPICS",
    "AccompanimentAccepted",
    "AccompanimentActivated",
    "AccompanimentEnded",
    "AccompanimentPlanChanged",
    "AccompanimentProposed",
    "AccompanimentRefused",
    "AccompanimentReviewDue",
    "AccompanimentReviewed",
    "AccompanimentTermDue",
    "ApiClientRevoked",
    "AppointmentBooked",
    "AppointmentCancelled",
    "AppointmentHeld",
    "AppointmentMissed",
    "AppointmentPostponed",
    "AppointmentProposed",
    "ContractError",
    "Decoded",
    "EnrolmentCompleted",
    "EnrolmentConfirmed",
    "EnrolmentEndedEarly",
    "EnrolmentFoundIneligible",
    "EnrolmentOfferExpired",
    "EnrolmentRefused",
    "EnrolmentRequested",
    "EnrolmentSeatHeld",
    "EnrolmentSeatOffered",
    "EnrolmentStarted",
    "EnrolmentWaitlisted",
    "EnrolmentWithdrawn",
    "Envelope",
    "EnvelopeMismatch",
    "Event",
    "InvalidPayload",
    "NoticeDelivered",
    "NoticeExhausted",
    "NoticeHeld",
    "NoticeSent",
    "NoticeSuperseded",
    "NoticeSuppressed",
    "OrganisationChanged",
    "OrganisationRegistered",
    "PersonErased",
    "PersonIdentified",
    "PersonTierChanged",
    "PlannedAction",
    "Record",
    "ReferralAccepted",
    "ReferralDeclined",
    "ReferralExpired",
    "ReferralLeftScope",
    "ReferralOverdue",
    "ReferralReceived",
    "ReferralReviewStarted",
    "ReferralSnapshot",
    "ReferralSubmitted",
    "ReferralWithdrawn",
    "Routing",
    "Territory",
    "Topic",
    "TrainingSessionCancelled",
    "TrainingSessionOpened",
    "UnknownType",
    "UnsupportedMajor",
    "WebhookDisabled",
    "dataschema_of",
    "decode",
    "decode_value",
    "encode",
    "encode_structured",
    "envelope_for",
    "key_of",
    "model_for",
    "partner_topic_name",
    "schema_for",
    "subject_of",
    "topic_for",
    "type_of",
]
