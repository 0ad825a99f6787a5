"""One organisation's stream: what it sees, and at which position.

The rule of scope is here and in placing.py alone: projecting and explaining ask `Placing.judge`. The sandbox and the
real world have nothing in common: an event belongs to the world of the organisation that referred the person. A
council sees what concerns a commune of its territory; an association what it referred itself; an employment service and
a training provider what names them. What each kind is shown of it is in SHOWN, and an organisation may ask for some
types only. Everybody who was told of a person hears of their erasure, and nobody hears of that person after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from partners.domain.organisation import Kind

CLOSED = frozenset({"declined", "withdrawn", "expired"})
"""Statuses after which a referral needs nobody; every other one, known or not, is open."""


class Matter(StrEnum):
    """What an event is about, as far as scope goes."""

    REFERRAL = "referral"
    MOVE = "move"
    """A referral's person lives in another commune."""
    IDENTITY = "identity"
    """A referral's person has a reference."""
    TIER = "tier"
    ERASURE = "erasure"
    ACCOMPANIMENT = "accompaniment"
    """A step of a joint accompaniment: proposed, agreed, refused, ended."""
    PLAN = "plan"
    """What the two sides plan, and the terms they owe each other."""
    APPOINTMENT = "appointment"
    ABSENCE = "absence"
    """Nobody met: for the two sides to mend."""
    ENROLMENT = "enrolment"


SHOWN: Mapping[Kind, frozenset[Matter]] = MappingProxyType(
    {
        Kind.COUNCIL: frozenset(Matter),
        Kind.EMPLOYMENT_SERVICE: frozenset(Matter),
        # The steps of its own referral: neither a tier, nor a plan between two others, nor a count of absences.
        Kind.ASSOCIATION: frozenset(Matter) - {Matter.TIER, Matter.PLAN, Matter.ABSENCE},
        Kind.TRAINING_PROVIDER: frozenset({Matter.ENROLMENT, Matter.ERASURE}),
    }
)
"""What each kind of organisation may be shown, of the events that are its own."""


class Verdict(StrEnum):
    """Whether an event enters an organisation's stream, and why not."""

    IN_SCOPE = "in_scope"
    HELD = "received"
    """The stream holds it already."""
    TYPE_WITHHELD = "type_withheld"
    """This kind of organisation is never told of such events."""
    EVENT_TYPES = "event_types"
    """The organisation asked for other types only."""
    OUTSIDE_TERRITORY = "outside_territory"
    OTHER_WORLD = "other_world"
    """The sandbox's and the organisation's is the real world, or the reverse."""
    ENTERED = "entered"
    """What the event is about entered the organisation's scope by it: a snapshot says how it stands."""
    NOT_NAMED = "not_named"
    """The event names another organisation in this one's role, or nobody."""
    PERSON_ERASED = "person_erased"
    PERSON_UNTOLD = "person_untold"
    """An erasure of somebody of whom the organisation was never told."""


SENSITIVE_SENDERS = frozenset({"ase", "caarud", "cidff", "csapa", "pension", "pjj", "prevention", "spip"})
"""Natures of a sender that say something about the person: protection of children, addictions, violence, justice."""

HIDDEN_FROM = frozenset({Kind.EMPLOYMENT_SERVICE, Kind.TRAINING_PROVIDER})
"""Who is not told such a nature: who supports work needs no word of it. The council acts on it, the sender is it."""

NOT_SAID = "other"
"""The nature that stands there instead; it is also that of whoever has no name of their own in the list."""


def sender_told(kind: Kind, sender_kind: str) -> str:
    """Return what an organisation of this kind is told of a sender's nature."""
    return NOT_SAID if kind in HIDDEN_FROM and sender_kind in SENSITIVE_SENDERS else sender_kind


@dataclass(frozen=True, slots=True)
class Routing:
    """Where an event belongs."""

    commune: str
    referrer_organisation_id: UUID
    receiver_organisation_id: UUID
    sender_kind: str
    employment_organisation_id: UUID | None = None
    training_organisation_id: UUID | None = None

    def parties(self) -> frozenset[UUID]:
        """Return the organisations whose own events are found by name; a council's are found by commune."""
        named = (self.referrer_organisation_id, self.employment_organisation_id, self.training_organisation_id)
        return frozenset(one for one in named if one is not None)


@dataclass(frozen=True, slots=True)
class Fact:
    """A source event as far as the projection needs it; an erasure has no routing, every other event has one."""

    event_id: UUID
    matter: Matter
    routing: Routing | None
    person: UUID | None = None
    """Whom it concerns, where the event says so."""
    ce_type: str = ""
    """An organisation that named the types it wants is told of none without a name."""
    from_commune: str | None = None
    """Of a move: where the person lived until then."""
    referral_id: UUID | None = None
    """The referral that it is an event of, or that it gives a person to."""
    occurred_at: datetime | None = None

    def communes(self) -> frozenset[str]:
        """Return the communes by which a council may be concerned."""
        named = (None if self.routing is None else self.routing.commune, self.from_commune)
        return frozenset(commune for commune in named if commune is not None)


@dataclass(frozen=True, slots=True)
class Stream:
    """An organisation's stream while its row is locked; `communes` holds at least those of interest here."""

    organisation_id: UUID
    code: str
    topic: str
    kind: Kind
    last_position: int
    communes: frozenset[str] = frozenset()
    told: frozenset[UUID] = frozenset()
    """Persons, among those erased here, of whom the organisation was told before."""
    sandbox: bool = False
    event_types: frozenset[str] | None = None
    """The types that the organisation asked for; None for all of its role."""

    def sees(self, matter: Matter, routing: Routing) -> bool:
        """Say whether an event about this, with this routing, may be shown to this organisation."""
        return self.judge(matter, routing) is Verdict.IN_SCOPE

    def judge(self, matter: Matter, routing: Routing) -> Verdict:
        """Say whether an event about this, with this routing, is this organisation's, or which rule keeps it out.

        Whose it is comes before what it is: a type is said to be withheld from its own organisation only.
        """
        match self.kind:
            case Kind.COUNCIL:
                if routing.commune not in self.communes:
                    return Verdict.OUTSIDE_TERRITORY
            case Kind.ASSOCIATION:
                if routing.referrer_organisation_id != self.organisation_id:
                    return Verdict.NOT_NAMED
            case Kind.EMPLOYMENT_SERVICE:
                if routing.employment_organisation_id != self.organisation_id:
                    return Verdict.NOT_NAMED
            case Kind.TRAINING_PROVIDER:
                if routing.training_organisation_id != self.organisation_id:
                    return Verdict.NOT_NAMED
            case _:
                return Verdict.NOT_NAMED
        return Verdict.IN_SCOPE if matter in SHOWN[self.kind] else Verdict.TYPE_WITHHELD


@dataclass(frozen=True, slots=True)
class KnownStep:
    """An accompaniment, appointment or enrolment of a referral, as its latest event left it."""

    kind: str
    step_id: UUID
    referral_id: UUID
    version: int
    status: str
    open: bool
    """Whether something is still to come of it."""
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class KnownReferral:
    """A referral as its latest event left it."""

    referral_id: UUID
    version: int
    status: str
    routing: Routing
    themes: tuple[str, ...] | None
    submitted_at: datetime | None
    changed_at: datetime
    correlation_id: UUID
    steps: tuple[KnownStep, ...] = ()
    """What goes on for it, where that was asked for."""
    person: UUID | None = None
    """Whose it is, where that was asked for and is known."""
    moved: bool = False
    """Whether it has been in another commune: events of other topics may still name that one."""

    @property
    def open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.status not in CLOSED

    def then(self, other: KnownReferral) -> KnownReferral:
        """Return what is known after another of its events: the later version's, and what only one of them says."""
        later, earlier = (other, self) if other.version > self.version else (self, other)
        return replace(
            later,
            themes=later.themes if later.themes is not None else earlier.themes,
            submitted_at=later.submitted_at if later.submitted_at is not None else earlier.submitted_at,
            moved=later.moved or earlier.moved,
        )
