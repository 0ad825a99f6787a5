"""Read enrolments: for the two sides of their accompaniment and whoever holds the session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from training.app.ports import Dossier, Dossiers, Organisation, Organisations, Position
from training.domain.errors import NotFound


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
    """Return a page, the earliest request first: only what concerns the organisation."""
    found = await dossiers.enrolments(
        asked.organisation_id,
        session_id=asked.session_id,
        accompaniment_id=asked.accompaniment_id,
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
    """Return one enrolment with its history. Raises NotFound for a third organisation."""
    dossier = await dossiers.enrolment(enrolment_id)
    if dossier is None or organisation_id not in concerned_by([dossier]):
        raise NotFound
    return dossier, await organisations.named(concerned_by([dossier]))


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
