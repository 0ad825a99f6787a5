"""Events to Kafka records and back.

Whatever the headers and the value hold, `decode` returns an event of these contracts or raises a
ContractError, whose message names headers and fields and repeats nothing of what was found in them.
What `encode` writes, `decode` gives back equal. JSON types are strict: a number in a string is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from maillage_contracts.base import Event
from maillage_contracts.envelope import (
    CONTENT_TYPE_BINARY,
    CONTENT_TYPE_STRUCTURED,
    Envelope,
    attributes_of,
    read_envelope,
)
from maillage_contracts.errors import EnvelopeMismatch, InvalidPayload
from maillage_contracts.registry import key_of, model_for, subject_of, topic_for, type_of
from maillage_contracts.topics import PARTNER_TOPIC, VALUE_BYTES_MAX

_PREFIX = "ce_"
_CONTENT_TYPE = "content-type"
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Record:
    """What goes to Kafka, in bytes."""

    topic: str
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came from Kafka or from the feed."""

    event: Event
    envelope: Envelope


def encode(event: Event, envelope: Envelope, *, topic: str | None = None) -> Record:
    """Write an event in binary mode, for its own topic or for the partner topic named.

    Raises EnvelopeMismatch rather than publish an event under another's type, subject or key.
    """
    _check_envelope(event, envelope)
    if topic is None:
        home = topic_for(event)
        if home is PARTNER_TOPIC:
            raise EnvelopeMismatch(f"{envelope.type}: name the organisation's topic")
        topic = home.name
    value = event.model_dump_json().encode()
    if len(value) > VALUE_BYTES_MAX:
        raise EnvelopeMismatch(f"{envelope.type}: {len(value)} bytes, more than {VALUE_BYTES_MAX}")
    headers = [(_PREFIX + name, text.encode()) for name, text in attributes_of(envelope)]
    headers.append((_CONTENT_TYPE, CONTENT_TYPE_BINARY.encode()))
    if envelope.traceparent is not None:
        headers.append(("traceparent", envelope.traceparent.encode()))
    return Record(topic, envelope.partition_key.encode(), tuple(headers), value)


def encode_structured(event: Event, envelope: Envelope) -> dict[str, Any]:
    """Return the event as one CloudEvents JSON object; a caller may add extension attributes."""
    _check_envelope(event, envelope)
    return {
        **dict(attributes_of(envelope)),
        "datacontenttype": CONTENT_TYPE_BINARY,
        "data": event.model_dump(mode="json"),
    }


def decode(headers: Mapping[str, str], value: bytes | None) -> Decoded:
    """Read a record in binary or structured mode.

    The type is looked at first: a record of an unknown type is UnknownType however broken the rest is, so
    that it can be passed over.
    """
    if _media_type(headers) == CONTENT_TYPE_STRUCTURED:
        return _decode_structured(value)
    model = _model(headers, _PREFIX)
    envelope = read_envelope(headers, type_of(model), prefix=_PREFIX)
    if value is None:
        raise InvalidPayload(["value: null"])
    return Decoded(_parse(model, value, "value"), envelope)


def decode_value(ce_type: str, value: bytes) -> Event:
    """Read a bare event of a known type, without any envelope."""
    return _parse(model_for(ce_type), value, "value")


def _decode_structured(value: bytes | None) -> Decoded:
    if value is None:
        raise InvalidPayload(["value: null"])
    attributes = _parse_object(value)
    model = _model(attributes, "")
    envelope = read_envelope(attributes, type_of(model), prefix="")
    if "data" not in attributes:
        raise InvalidPayload(["data: missing"])
    # Back to bytes, so that both modes share the strict JSON rules.
    return Decoded(_parse(model, _OBJECT.dump_json({"data": attributes["data"]})[8:-1], "data"), envelope)


def _check_envelope(event: Event, envelope: Envelope) -> None:
    for name, found, expected in (
        ("type", envelope.type, type_of(event)),
        ("subject", envelope.subject, subject_of(event)),
        ("partition_key", envelope.partition_key, key_of(event)),
    ):
        if found != expected:
            raise EnvelopeMismatch(f"{type(event).__name__}: the envelope's {name} is another event's")
    if envelope.time.tzinfo is None:
        raise EnvelopeMismatch(f"{type(event).__name__}: the envelope's time has no offset")


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get(_CONTENT_TYPE, "").partition(";")[0].strip().lower()


def _model(attributes: Mapping[str, object], prefix: str) -> type[Event]:
    ce_type = attributes.get(prefix + "type")
    if not isinstance(ce_type, str):
        raise InvalidPayload([f"{prefix}type: missing"])
    return model_for(ce_type)


def _parse(model: type[Event], value: bytes, root: str) -> Event:
    try:
        return model.model_validate_json(value, strict=True)
    except ValidationError as error:
        problems = _problems(error, root)
    # Raised outside the handler: pydantic's error holds the input and must not travel as __context__.
    raise InvalidPayload(problems)


def _parse_object(value: bytes) -> dict[str, Any]:
    try:
        return _OBJECT.validate_json(value, strict=True)
    except ValidationError:
        pass
    raise InvalidPayload(["value: not a JSON object"])


def _problems(error: ValidationError, root: str) -> list[str]:
    return [
        f"{'.'.join((root, *map(str, problem['loc'])))}: {problem['type']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
