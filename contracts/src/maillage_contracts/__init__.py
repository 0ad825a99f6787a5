"""Events of Maillage: models, envelope, topics and codec, for everybody who reads or writes them.

The names below are the public ones and follow semantic versioning. Depends on pydantic only.
"""

from maillage_contracts.base import Event
from maillage_contracts.codec import Decoded, Record, decode, decode_value, encode, encode_structured
from maillage_contracts.envelope import Envelope, envelope_for
from maillage_contracts.errors import (
    ContractError,
    EnvelopeMismatch,
    InvalidPayload,
    UnknownType,
    UnsupportedMajor,
)
from maillage_contracts.organisations import (
    ApiClientRevoked,
    OrganisationChanged,
    OrganisationRegistered,
    Territory,
)
from maillage_contracts.persons import PersonErased, PersonIdentified
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

__all__ = [
    "MODELS",
    "PARTNER_TOPIC",
    "TOPICS",
    "ApiClientRevoked",
    "ContractError",
    "Decoded",
    "Envelope",
    "EnvelopeMismatch",
    "Event",
    "InvalidPayload",
    "OrganisationChanged",
    "OrganisationRegistered",
    "PersonErased",
    "PersonIdentified",
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
    "UnknownType",
    "UnsupportedMajor",
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
