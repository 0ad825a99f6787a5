"""What every event has in common.

An event is immutable, ignores fields added by a later minor version, and never repeats its input in an
error. Reading is strict about JSON types (see codec.py); constructing in Python converts lists to tuples
and strings to UUIDs.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from maillage_contracts.types import AggregateVersion


class Part(BaseModel):
    """A block inside an event, under the same rules as an event."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Event(BaseModel):
    """A fact, in the past tense, that Maillage publishes and never takes back."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    event_type: ClassVar[str]
    """The CloudEvents type with its major. Only a class that sets it can be published."""

    aggregate_field: ClassVar[str]
    """The field that identifies the aggregate: it is the Kafka key and the CloudEvents subject."""

    aggregate_version: AggregateVersion = Field(
        description=(
            "Grows with each event of the same aggregate; numbers may be missing. "
            "A reader that keeps a copy ignores an event older than its copy."
        ),
        examples=[1, 4],
    )
