"""From Kafka's bytes to a delivery, or to the reason why not; never an exception, never a lost record.

FastStream skips, silently, a batch with one header that is not UTF-8: `tolerant_parser` keeps such headers from it
and the raw records for us.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiokafka import ConsumerRecord

from maillage_contracts import ContractError, Envelope, Event, UnknownType, decode

RawHeaders: TypeAlias = "Sequence[tuple[str, bytes | None]]"


@dataclass(frozen=True, slots=True)
class Source:
    """One record as it was read: its position, and its bytes, for the dead-letter table."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: RawHeaders
    value: bytes | None

    def headers_json(self) -> str:
        """Return the headers as JSON, names and values in base64: anything survives, in a jsonb column too."""
        return json.dumps([[_base64(name.encode()), _base64(value or b"")] for name, value in self.headers])


def headers_from_json(text: str) -> list[tuple[str, bytes]]:
    """Return what `Source.headers_json` wrote."""
    return [(base64.b64decode(name).decode(), base64.b64decode(value)) for name, value in json.loads(text)]


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event to handle, with its envelope and where it was read."""

    event: Event
    envelope: Envelope
    source: Source


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that cannot become an event, and why; the cause holds no payload."""

    source: Source
    cause: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record of a type this reader does not know: counted and passed, since adding a type must break nobody."""

    source: Source


Parsed: TypeAlias = Delivery | Poison | Ignored


def source_of(record: ConsumerRecord[bytes, bytes]) -> Source:
    """Keep what matters of a consumed record."""
    return Source(record.topic, record.partition, record.offset, record.key, record.headers, record.value)


def parse(source: Source) -> Parsed:
    """Decode one record."""
    headers: dict[str, str] = {}
    for name, value in source.headers:
        try:
            headers[name] = (value or b"").decode()
        except UnicodeDecodeError:
            return Poison(source, "a header is not UTF-8", headers)
    try:
        decoded = decode(headers, source.value)
    except UnknownType:
        return Ignored(source)
    except ContractError as error:
        return Poison(source, f"{type(error).__name__}: {error}", headers)
    return Delivery(decoded.event, decoded.envelope, source)


async def tolerant_parser(
    records: Sequence[ConsumerRecord[bytes, bytes]], original: Callable[[Any], Awaitable[Any]]
) -> Any:
    """Let FastStream see the first record, without its headers, and hand the untouched batch on as `raw_message`.

    It would decode every header of every record again, for nobody: a sixth of a consumer's time.
    """
    message = await original((dataclasses.replace(records[0], headers=()),))
    message.raw_message = records
    return message


async def raw_body(message: Any) -> Any:
    """Keep FastStream from decoding bodies: one bad record must be one dead letter."""
    return message.body
