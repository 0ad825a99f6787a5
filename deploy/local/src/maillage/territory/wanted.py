"""What a territory file says, with its limits; the same names and meanings as in the API of `partners`.

The services have the last word: what is checked here is what a person gets wrong while typing.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""Names a file of the folder of secrets."""

Code = Annotated[str, Field(pattern=r"^[a-z0-9]{2,20}$")]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Codes = tuple[str, ...]


class Part(BaseModel):
    """A table of the file; a key that means nothing is a slip of the keyboard."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)


class Territory(Part):
    """Where an organisation answers, by official codes."""

    communes: Codes = ()
    epcis: Codes = ()
    departements: Codes = ()
    collectivities: Codes = ()


class Member(Part):
    """A post that signs in; its label says what it is, never who holds it."""

    role: str
    label: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]+$")]


class ApiClient(Part):
    """A program; without scopes it may do all that its organisation may."""

    name: Name
    scopes: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class Webhook(Part):
    """An address to which events are sent; without types, all of them."""

    url: Annotated[str, Field(min_length=1, max_length=1_000)]
    event_types: Annotated[tuple[str, ...], Field(min_length=1, max_length=50)] | None = None


class Organisation(Part):
    """An organisation, whole."""

    code: Code
    kind: Literal["association", "council", "employment_service", "training_provider"]
    name: Line
    phone: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9 +().-]+$")]
    postal_address: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x09\x0b-\x1f]+$")]
    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+$")] | None = None
    sandbox: bool = False
    kafka: bool = False
    event_types: Annotated[tuple[str, ...], Field(min_length=1, max_length=50)] | None = None
    """The types that its stream takes, `*` for all; left out, it keeps those that it chose."""
    territory: Territory = Territory()
    members: tuple[Member, ...] = ()
    clients: tuple[ApiClient, ...] = ()
    webhooks: tuple[Webhook, ...] = ()


class Programme(Part):
    """A training session of one of the organisations, opened through one of its clients."""

    provider: Code
    client: Name
    title: Annotated[str, Field(min_length=1, max_length=120)]
    theme: str
    commune: str
    seats: Annotated[int, Field(ge=0, le=1000)]
    hours: Annotated[int, Field(ge=1, le=2000)]
    starts_at: AwareDatetime
    place: Annotated[str, Field(min_length=1, max_length=200)]


class Wanted(Part):
    """A file."""

    version: Literal[1]
    organisations: Annotated[tuple[Organisation, ...], Field(min_length=1)]
    programmes: tuple[Programme, ...] = ()
