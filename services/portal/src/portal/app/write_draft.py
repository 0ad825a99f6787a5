"""Keep one step of the form as typed, and find out which commune is meant."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from portal.app.ports import Communes, Drafts
from portal.domain.commune import Found
from portal.domain.draft import Draft, Typed, clean


def resolve_place(draft: Draft, communes: Communes) -> Draft:
    """Return the draft with the code of the commune that its text means, or without one when that is not certain.

    A code chosen among homonyms counts only for the text it was offered for: changing the text asks again.
    """
    text = clean(draft.value("commune"))
    chosen = communes.by_code(draft.value("commune_code"))
    if chosen is not None and clean(draft.value("commune_asked")) == text:
        return draft.with_values(commune=chosen.label, commune_code=chosen.code, commune_asked=chosen.label)
    answer = communes.find(text)
    if isinstance(answer, Found):
        found = answer.commune
        return draft.with_values(commune=found.label, commune_code=found.code, commune_asked=found.label)
    return draft.with_values(commune_code="", commune_asked=text)


async def write_draft(
    drafts: Drafts, communes: Communes, *, draft_id: UUID, member_id: UUID, step: str, typed: Typed, now: datetime
) -> Draft:
    """Store the answers of one step, right or wrong, and return the draft as stored."""

    def edit(draft: Draft) -> Draft:
        if draft.referral_id is not None:
            return draft
        kept = draft.keep(step, typed)
        return resolve_place(kept, communes) if step == "place" else kept

    return await drafts.change(draft_id, member_id, edit, now=now)
