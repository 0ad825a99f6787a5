"""Facts about the organisations that take part, and about their access.

Each `registered` or `changed` event carries the whole organisation, so that a reader keeps its own copy
without asking. The contact given is the organisation's public one, never somebody's.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from maillage_contracts.base import Event, Part
from maillage_contracts.types import (
    ClientId,
    CollectivityCode,
    CommuneCode,
    DepartementCode,
    EpciCode,
    OrganisationCode,
    OrganisationId,
    Slug,
    Text,
    UtcDatetime,
)


class Territory(Part):
    """The places an organisation answers for: the union of the four lists; all empty means nowhere."""

    communes: tuple[CommuneCode, ...] = Field(description="INSEE codes of communes.", examples=[["93048"]])
    epcis: tuple[EpciCode, ...] = Field(description="SIREN of intercommunal bodies.", examples=[["200054781"]])
    departements: tuple[DepartementCode, ...] = Field(
        description="Codes of départements, as strings.", examples=[["93", "2A"]]
    )
    collectivities: tuple[CollectivityCode, ...] = Field(
        description="INSEE codes of collectivities with the powers of a département.", examples=[["69M", "6AE"]]
    )


class OrganisationEvent(Event):
    """What every event of an organisation carries."""

    aggregate_field: ClassVar[str] = "organisation_id"

    organisation_id: OrganisationId = Field(description="Stable for the life of the organisation.")


class OrganisationState(OrganisationEvent):
    """An organisation as it stands after the event."""

    code: OrganisationCode = Field(
        description="Short public code, never reused; part of the name of its topic.", examples=["cd93"]
    )
    name: Text = Field(description="Name to show.", examples=["Département de démonstration"])
    kind: Slug = Field(
        description=(
            "What it is. Open set; today `association`, `council`, `employment_service` or `training_provider`."
        ),
        examples=["council"],
    )
    phone: Text = Field(description="Public telephone number.", examples=["+33 1 99 00 00 00"])
    postal_address: Text = Field(
        description="Public postal address, lines separated by a line feed.",
        examples=["1 rue de l’Exemple\n93000 Exemple"],
    )
    email: Text | None = Field(
        default=None, description="Public e-mail address at which it reads notices.", examples=["accueil@example.org"]
    )
    territory: Territory = Field(description="Where it answers.")
    sandbox: bool | None = Field(
        default=None,
        description=(
            "Whether it belongs to the sandbox, a world of its own in which nobody is real. Absent or null: a real one."
        ),
        examples=[False],
    )
    event_types: tuple[Text, ...] | None = Field(
        default=None,
        description=(
            "The event types that its stream takes, by their whole names. Absent or null: all that its kind may see. "
            "`person.erased` and the events of `stream` are always told."
        ),
        examples=[["fr.maillage.referrals.referral.submitted.v1"]],
    )
    changed_at: UtcDatetime = Field(description="When it became so.")


class OrganisationRegistered(OrganisationState):
    """An organisation takes part from now on.

    Emitted by partners once per organisation, first. It does not mean that the organisation reads its events.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.organisation.registered.v1"


class OrganisationChanged(OrganisationState):
    """An organisation's name, contact or territory is now as given here.

    Emitted by partners at each change, with the whole organisation. Referrals already submitted keep their receiver.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.organisation.changed.v1"


class ApiClientRevoked(OrganisationEvent):
    """An organisation's API client may no longer be served.

    Emitted by partners once per client. Tokens issued to it before are refused from the moment this is read.
    """

    event_type: ClassVar[str] = "fr.maillage.partners.client.revoked.v1"

    client_id: ClientId = Field(description="The client, as in the tokens.", examples=["cd93-7f3k2m"])
    revoked_at: UtcDatetime = Field(description="When it was revoked.")
