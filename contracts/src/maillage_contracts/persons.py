"""Facts about a person, who appears only as an opaque reference.

`subject_ref` is minted by `registration`. Identity and contact are never in an event: a service allowed to
know asks `registration` over HTTP, and that reading is audited.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from maillage_contracts.base import Event
from maillage_contracts.referrals import Routing
from maillage_contracts.types import AccompanimentId, ReferralId, Slug, SubjectRef, UtcDatetime


class PersonEvent(Event):
    """What every event of a person carries."""

    aggregate_field: ClassVar[str] = "subject_ref"

    subject_ref: SubjectRef = Field(
        description="Opaque reference of the person. Never shown to the public, never derived from identity."
    )


class PersonIdentified(PersonEvent):
    """The person of a referral now has a reference.

    Emitted by registration once per referral. `pre_registered` means that nobody matching was found and a file
    was opened; it does not mean that the person is registered as a job seeker. Name and birth date match where a
    telephone number or e-mail address does, or where neither referral gives any: a person whose contact changed may
    have two references.
    """

    event_type: ClassVar[str] = "fr.maillage.registration.person.identified.v1"

    referral_id: ReferralId = Field(description="The referral that led to it.")
    routing: Routing = Field(description="Where this event belongs: the routing of the referral.")
    outcome: Slug = Field(
        description=(
            "How. Open set; today `matched` (already known) or `pre_registered` (new file); on an association's own "
            "stream always `identified`, and the version always 1: whether others referred the person is not told."
        ),
        examples=["matched"],
    )
    identified_at: UtcDatetime = Field(description="When the person was identified.")


class PersonErased(PersonEvent):
    """Everything that says who this person is has been erased; erase what you hold.

    Emitted by registration once per person, and sent to every organisation that ever received an event about
    them, whatever its filters. Receiving it obliges: delete what you hold. There is no acknowledgement
    to send. Nothing about the person follows it on an organisation's own stream. There its version, except for a
    council, is a moment: it counts nothing.
    """

    event_type: ClassVar[str] = "fr.maillage.registration.person.erased.v1"

    erased_at: UtcDatetime = Field(description="When the erasure was done at the source.")


class PersonTierChanged(PersonEvent):
    """The person is supported at another tier from now on.

    Emitted by registration at each change, from the fact that decided it. It says how much support is due to the
    person; it does not say how well they do, and no decision against them may be drawn from it. On an employment
    service's own stream its version is a moment: it grows, and counts nothing that others did.
    """

    event_type: ClassVar[str] = "fr.maillage.registration.person.tier_changed.v1"

    referral_id: ReferralId = Field(description="The referral of the story in which it changed.")
    accompaniment_id: AccompanimentId | None = Field(
        default=None, description="The joint accompaniment that decided it, where one did."
    )
    routing: Routing = Field(description="Where this event belongs.")
    tier: Slug | None = Field(
        default=None,
        description=(
            "The tier now; none where nobody has decided one. Open set; today `self_directed`, `guided`, `reinforced`, "
            "`joint`."
        ),
        examples=["joint"],
    )
    previous_tier: Slug | None = Field(default=None, description="The tier before; none where there was none.")
    reason: Slug = Field(
        description="What decided it. Open set; today `accompaniment_activated` or `accompaniment_ended`.",
        examples=["accompaniment_activated"],
    )
    changed_at: UtcDatetime = Field(description="Since when.")
