"""The envelope of an event: CloudEvents 1.0 attributes and our extensions, apart from any transport.

The same ten attributes are written as `ce_` headers (binary mode) or as members of a JSON object
(structured mode). Reading either gives the same Envelope, or InvalidPayload naming the attributes at fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from maillage_contracts.base import Event
from maillage_contracts.errors import InvalidPayload
from maillage_contracts.registry import dataschema_of, key_of, subject_of, type_of

SPECVERSION = "1.0"
CONTENT_TYPE_BINARY = "application/json"
CONTENT_TYPE_STRUCTURED = "application/cloudevents+json"

_PRINTABLE = re.compile(r"[\x21-\x7e]{1,512}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_ALWAYS = ("specversion", "id", "source", "subject", "time", "dataschema", "partitionkey", "correlationid")
_ENVELOPE = re.compile(
    "\n".join(
        (
            re.escape(SPECVERSION),
            *(f"({form.pattern})" for form in (_UUID, _PRINTABLE, _PRINTABLE, _RFC3339, _PRINTABLE, _PRINTABLE, _UUID)),
        )
    )
)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known about an event without reading it."""

    id: UUID
    """Unique, and the same each time the event is delivered: what a reader deduplicates on."""
    source: str
    """`/<service>`, or `/partners/<code>` on an organisation's own topic."""
    type: str
    subject: str
    """Id of the aggregate."""
    time: datetime
    """When the event was recorded, in UTC."""
    correlation_id: UUID
    """The story this event belongs to, inherited by everything it causes."""
    causation_id: UUID | None
    """The event that caused this one; None where a human or the clock did."""
    partition_key: str
    traceparent: str | None
    """W3C trace context in which the event was created."""
    dataschema: str


def envelope_for(
    event: Event,
    *,
    id: UUID,
    source: str,
    time: datetime,
    correlation_id: UUID,
    causation_id: UUID | None = None,
    traceparent: str | None = None,
) -> Envelope:
    """Make the envelope of an event, deriving type, subject, key and schema from the event itself."""
    return Envelope(
        id=id,
        source=source,
        type=type_of(event),
        subject=subject_of(event),
        time=time,
        correlation_id=correlation_id,
        causation_id=causation_id,
        partition_key=key_of(event),
        traceparent=traceparent,
        dataschema=dataschema_of(type_of(event)),
    )


def attributes_of(envelope: Envelope) -> Iterator[tuple[str, str]]:
    """Yield the CloudEvents attributes that are set, in a fixed order, as text."""
    yield "specversion", SPECVERSION
    yield "id", str(envelope.id)
    yield "source", envelope.source
    yield "type", envelope.type
    yield "subject", envelope.subject
    yield "time", envelope.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    yield "dataschema", envelope.dataschema
    yield "partitionkey", envelope.partition_key
    yield "correlationid", str(envelope.correlation_id)
    if envelope.causation_id is not None:
        yield "causationid", str(envelope.causation_id)
    if envelope.traceparent is not None:
        yield "traceparent", envelope.traceparent


class _Reader:
    """Reads attributes one by one and gathers every problem, so that one message tells all."""

    __slots__ = ("_attributes", "_prefix", "problems")

    def __init__(self, attributes: Mapping[str, object], prefix: str) -> None:
        self._attributes = attributes
        self._prefix = prefix
        self.problems: list[str] = []

    def text(self, name: str, form: re.Pattern[str] = _PRINTABLE, *, required: bool = True) -> str | None:
        found = self._attributes.get(self._prefix + name)
        if found is None:
            if required:
                self.problems.append(f"{self._prefix}{name}: missing")
            return None
        if not isinstance(found, str) or not form.fullmatch(found):
            self.problems.append(f"{self._prefix}{name}: malformed")
            return None
        return found

    def uuid(self, name: str, *, required: bool = True) -> UUID | None:
        found = self.text(name, _UUID, required=required)
        return None if found is None else UUID(found)

    def moment(self, name: str) -> datetime | None:
        found = self.text(name, _RFC3339)
        if found is None:
            return None
        try:
            return datetime.fromisoformat(found.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            self.problems.append(f"{self._prefix}{name}: malformed")
            return None


def _traceparent(attributes: Mapping[str, object], prefix: str) -> str | None:
    # W3C Trace Context: an invalid traceparent starts a new trace; it never invalidates the message.
    for name in (prefix + "traceparent", "traceparent"):
        found = attributes.get(name)
        if isinstance(found, str) and _TRACEPARENT.fullmatch(found):
            return found
    return None


def read_envelope(attributes: Mapping[str, object], ce_type: str, *, prefix: str) -> Envelope:
    """Read an envelope from headers (`prefix="ce_"`) or from a structured event (`prefix=""`)."""
    return _read_well_formed(attributes, ce_type, prefix) or _read_one_by_one(attributes, ce_type, prefix)


def _read_well_formed(attributes: Mapping[str, object], ce_type: str, prefix: str) -> Envelope | None:
    """Read an envelope whose attributes are all there and well formed, at once; None for any other.

    Half the time of looking at one attribute after the other, which is what says what is wrong.
    """
    found = [attributes.get(prefix + name) for name in _ALWAYS]
    caused = attributes.get(prefix + "causationid")
    try:
        # No form admits a line feed: what is joined by it is found apart again, or not at all.
        matched = _ENVELOPE.fullmatch("\n".join(found))  # type: ignore[arg-type]  # TypeError for whatever is no text
    except TypeError:
        return None
    if matched is None or (caused is not None and not (isinstance(caused, str) and _UUID.fullmatch(caused))):
        return None
    id_, source, subject, time, dataschema, partition_key, correlation_id = matched.groups()
    try:
        moment = datetime.fromisoformat(time.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return Envelope(
        id=UUID(id_),
        source=source,
        type=ce_type,
        subject=subject,
        time=moment,
        correlation_id=UUID(correlation_id),
        causation_id=None if caused is None else UUID(caused),
        partition_key=partition_key,
        traceparent=_traceparent(attributes, prefix),
        dataschema=dataschema,
    )


def _read_one_by_one(attributes: Mapping[str, object], ce_type: str, prefix: str) -> Envelope:
    reader = _Reader(attributes, prefix)
    if attributes.get(prefix + "specversion") != SPECVERSION:
        reader.problems.append(f"{prefix}specversion: not {SPECVERSION}")
    id_ = reader.uuid("id")
    source = reader.text("source")
    subject = reader.text("subject")
    time = reader.moment("time")
    dataschema = reader.text("dataschema")
    partition_key = reader.text("partitionkey")
    correlation_id = reader.uuid("correlationid")
    causation_id = reader.uuid("causationid", required=False)
    if (
        reader.problems
        or id_ is None
        or source is None
        or subject is None
        or time is None
        or dataschema is None
        or partition_key is None
        or correlation_id is None
    ):
        raise InvalidPayload(reader.problems)
    return Envelope(
        id=id_,
        source=source,
        type=ce_type,
        subject=subject,
        time=time,
        correlation_id=correlation_id,
        causation_id=causation_id,
        partition_key=partition_key,
        traceparent=_traceparent(attributes, prefix),
        dataschema=dataschema,
    )
