"""Read one referral in full: for its two parties only, and audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from referrals.app.ports import Audit, Dossier, Dossiers, Organisation, Organisations
from referrals.domain.errors import NotFound
from referrals.domain.referral import parties_of
from referrals.domain.status import Actor, Status
from referrals.domain.story import on_timeline


async def read_referral(
    referral_id: UUID, organisation_id: UUID, *, dossiers: Dossiers, organisations: Organisations, audit: Audit
) -> tuple[Dossier, Mapping[UUID, Organisation]] | None:
    """Return the dossier and the organisations it names, the reading being recorded.

    The referrer's holds the steps that are for it. Raises NotFound for a third organisation. None, once that is
    recorded, to a council that was asked and in whose territory the person is not, or no more: the scope of its stream.
    Of a referral that was withdrawn, whoever was asked learns no more who the person is.
    """
    dossier = await dossiers.find(referral_id)
    if dossier is None or not dossier.referral.parties.quality_of(organisation_id):
        raise NotFound
    sides = dossier.referral.parties.quality_of(organisation_id)
    commune = dossier.referral.commune
    if Actor.REFERRER not in sides and not await organisations.covered(organisation_id, [commune]):
        await audit.refuse([referral_id])
        return None
    only_referrer = Actor.RECEIVER not in sides
    dossier = replace(dossier, story=tuple(on_timeline(dossier.story, for_referrer=only_referrer)))
    if Actor.REFERRER not in sides and dossier.referral.status is Status.WITHDRAWN:
        dossier = replace(dossier, told=None)
    parties = await organisations.named(parties_of([dossier.referral]) | _in_story(dossier))
    await audit.read([referral_id])
    return dossier, parties


def _in_story(dossier: Dossier) -> set[UUID]:
    acting = {step.organisation_id for step in dossier.story if step.organisation_id is not None}
    acting |= {step.organisation_id for step in dossier.history if step.organisation_id is not None}
    return acting if dossier.joint is None else acting | {dossier.joint.employment_id}
