"""What `maillage status --json` prints: one document, whose keys stay; docs/status.schema.json is written from here.

Keys may be added within a `format`; none is renamed, removed or given another meaning. Nothing in it is about a person;
`demonstration` holds the credentials of invented organisations, and is absent on a site and elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chassis.version import version

if TYPE_CHECKING:
    from maillage.doctor import Examination


class Told(BaseModel):
    """A part of the document; unknown keys are a mistake of whoever made it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PartFacts(Told):
    """One server or service."""

    name: str = Field(description="Its name, as `maillage logs` takes it.")
    kind: Literal["server", "service"]
    state: Literal["starting", "ready", "restarting", "stopped", "external"] = Field(
        description="As the supervisor last knew it; `external` for what another supervisor runs."
    )
    pid: int | None = Field(description="Its process on this machine, if any.")
    url: str = Field(description="Where it answers.")
    ready: bool = Field(description="Whether it can do its work now, as it says itself.")
    reason: str = Field(description="Why it is not ready, in its own words; empty when it is.")
    version: str = Field(description="The version that it reports; empty when it told none.")
    log_file: str = Field(description="Its log on this machine; empty when there is none.")
    restarts: int = Field(description="How often the supervisor started it again.")
    optional: bool = Field(description="Whether the whole is ready without it.")


class CheckFacts(Told):
    """One finding of `maillage doctor`."""

    name: str
    level: Literal["ok", "warn", "fail"]
    text: str = Field(description="For a person, French then English; programs read the other keys.")
    remedy: str = Field(description="What to do; empty when nothing.")


class DatabaseFacts(Told):
    """One service's database; numbers are null where it could not be read or has no such table."""

    service: str
    readable: bool
    clock_seconds: float | None = Field(default=None, description="How far this machine's clock is ahead of its own.")
    outbox_waiting: int | None = Field(default=None, description="Events not yet in Kafka.")
    outbox_oldest_seconds: float | None = Field(default=None, description="Age of the oldest of them; 0 without any.")
    outbox_parked: int | None = Field(default=None, description="Events that Kafka refused for good.")
    dead_letters: int | None = Field(default=None, description="Events set aside, and those that wait behind them.")
    migrations_applied: int | None = Field(default=None, description="Schema changes that it has had.")
    migrations_missing: list[str] = Field(default_factory=list, description="Those that this version still needs.")
    migrations_unknown: list[str] = Field(
        default_factory=list, description="Those that this version does not know, or knows with another text."
    )


class GroupFacts(Told):
    """One group of readers."""

    group: str
    lag: int = Field(description="Records of all its topics that it has not committed.")


class BusFacts(Told):
    """The broker, as its administration tells it."""

    bootstrap: str
    readable: bool
    topics: int | None = Field(default=None, description="How many topics exist, organisations' own included.")
    topics_missing: list[str] = Field(default_factory=list, description="Topics of the contracts that do not exist.")
    topics_changed: list[str] = Field(
        default_factory=list, description="Topics whose number of partitions is not that of the contracts."
    )
    partitions_without_leader: int | None = Field(default=None, description="Partitions that nobody can write.")
    partitions_under_replicated: int | None = Field(
        default=None, description="Partitions with fewer copies up to date than they should have."
    )
    groups: list[GroupFacts] = Field(default_factory=list)


class StatusDocument(Told):
    """Everything that `maillage status` and `maillage doctor` know."""

    format: Literal[1] = Field(default=1, description="Rises when a key changes its meaning.")
    looked_at: Literal["here", "elsewhere"] = Field(
        description="`here`: what this machine's supervisor runs; `elsewhere`: the services that settings name."
    )
    running: bool = Field(description="Whether a supervisor lives; elsewhere, whether a service answers.")
    ready: bool = Field(description="Whether every part that is not optional is ready.")
    version: str = Field(description="Of this command.")
    supervisor_pid: int | None
    data_dir: str | None
    portal_url: str | None
    mail_url: str | None = Field(description="Where the desk shows mails and text messages.")
    traces_url: str | None = Field(description="Where the trace viewer answers.")
    parts: list[PartFacts]
    databases: list[DatabaseFacts] = Field(description="Empty while nothing runs, or where none is named.")
    bus: BusFacts | None = Field(description="Null while nothing runs, or where none is named.")
    checks: list[CheckFacts]
    demonstration: dict[str, Any] | None = Field(
        default=None, description="Invented organisations with their credentials; absent on a site and elsewhere."
    )


def whole(document: Mapping[str, Any], found: Examination) -> dict[str, Any]:
    """Return the document as it is printed: what runs, and what the doctor found there."""
    told = StatusDocument(
        **document,
        version=version(),
        databases=found.databases,
        bus=found.bus,
        checks=[CheckFacts.model_validate(check.document()) for check in found.checks],
    )
    # A person on a site must not read that there could be a demonstration.
    return told.model_dump(mode="json", exclude={"demonstration"} if told.demonstration is None else None)
