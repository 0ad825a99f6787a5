"""Read enrolments: for the two sides of their accompaniment and whoever holds the session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from training.app.ports import Dossier, Dossiers, Organisation, Organisations, Position
from training.app.scope import is_within
from training.domain.errors import NotFound
from training.domain.status import Actor


@dataclass(frozen=True, slots=True)
class ListEnrolments:
    """Whose enrolments, of which session or accompaniment, and which part of the list."""

    organisation_id: UUID
    session_id: UUID | None
    accompaniment_id: UUID | None
    after: Position | None
    limit: int


@dataclass(frozen=True, slots=True)
class EnrolmentPage:
    """Part of the list; `following` is where to read on, None at the end."""

    dossiers: tuple[Dossier, ...]
    following: Position | None
    concerned: Mapping[UUID, Organisation]


async def list_enrolments(asked: ListEnrolments, *, dossiers: Dossiers, organisations: Organisations) -> EnrolmentPage:
    """Return a page, the earliest request first: only what concerns the organisation, a council in its territory."""
    subject = {"session_id": asked.session_id, "accompaniment_id": asked.accompaniment_id}
    communes = await dossiers.communes(asked.organisation_id, **subject)
    covered = await organisations.covered(asked.organisation_id, communes) if communes else communes
    found = await dossiers.enrolments(
        asked.organisation_id,
        **subject,
        covered=covered,
        after=asked.after,
        limit=asked.limit + 1,
    )
    shown = tuple(found[: asked.limit])
    concerned = await organisations.named(concerned_by(shown))
    following = None
    if len(found) > asked.limit:
        last = shown[-1].enrolment
        following = Position(last.requested_at, last.enrolment_id)
    return EnrolmentPage(shown, following, concerned)


async def read_enrolment(
    enrolment_id: UUID, organisation_id: UUID, *, dossiers: Dossiers, organisations: Organisations
) -> tuple[Dossier, Mapping[UUID, Organisation]]:
    """Return one enrolment with its history.

    Raises NotFound for a third organisation, and for a council in whose territory the person does not live, or no more.
    """
    dossier = await dossiers.enrolment(enrolment_id)
    if dossier is None:
        raise NotFound
    by = quality(dossier, organisation_id)
    if not by or not await is_within(dossier.enrolment.accompaniment, by, organisation_id, organisations):
        raise NotFound
    return dossier, await organisations.named(concerned_by([dossier]))


def quality(found: Dossier, organisation_id: UUID) -> frozenset[Actor]:
    """Return as what an organisation may act on an enrolment: nothing at all for one that it does not concern."""
    sides = found.enrolment.accompaniment.quality_of(organisation_id)
    return sides if found.session is None else sides | found.session.quality_of(organisation_id)


def concerned_by(dossiers: Iterable[Dossier]) -> set[UUID]:
    """Return the organisations that any of these concern."""
    concerned: set[UUID] = set()
    for dossier in dossiers:
        accompaniment = dossier.enrolment.accompaniment
        concerned.add(accompaniment.council_id)
        if accompaniment.employment_id is not None:
            concerned.add(accompaniment.employment_id)
        if dossier.session is not None:
            concerned.add(dossier.session.organisation_id)
    return concerned
