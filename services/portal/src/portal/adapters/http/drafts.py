"""The form for a new referral: four short steps, a summary to check, one sending.

Each step is posted, stored, then shown by a redirect: reload, back, two tabs and another day all find what was
typed. Addresses hold the draft's random id and the name of a step, nothing else.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import new_id
from portal.adapters.http.browser import Form, posted, shell_of, signed_in
from portal.adapters.http.pages import go, page
from portal.app.send_draft import Unfinished, send_draft
from portal.app.write_draft import write_draft
from portal.domain.commune import Found, Merged, Nothing, Several
from portal.domain.draft import (
    FIELDS,
    NOTE_CHARS_MAX,
    STEPS,
    Draft,
    Fault,
    answers_refused,
    birth_date,
    clean,
    faults,
    first_unfinished,
)
from portal.domain.errors import Conflict, KeyReused, NotFound, Refused, SendingInProgress, ServiceSilent
from portal.domain.member import Kind, Member, Session
from portal.domain.needs import GROUPS, NEEDS_MAX

router = APIRouter(prefix="/orientations/nouvelle")

SLUGS = {"person": "personne", "place": "lieu", "needs": "besoins", "note": "precisions"}
STEP_OF = {slug: step for step, slug in SLUGS.items()}
SLUG_OF = {field: SLUGS[step] for step, fields in FIELDS.items() for field in fields}
"""Where each field is typed."""

SUMMARY = "verification"

KNOWN_REFUSALS = frozenset({"council_not_joined", "unknown_commune", "commune_merged", "validation_failed"})

NOBODY_REAL = frozenset({"last_name", "phone", "email"})
"""By these the service knows, in the sandbox, that nobody real is referred; it names one at a time."""


def association_only(session: Session) -> Member:
    """Return the member of an association; for a council these pages do not exist."""
    if session.member.kind is not Kind.ASSOCIATION:
        raise NotFound
    return session.member


def draft_path(draft_id: UUID, slug: str) -> str:
    return f"/orientations/nouvelle/{draft_id}/{slug}"


def step_page(request: Request, session: Session, draft: Draft, step: str, *, back_to_summary: bool) -> Response:
    """Draw one step with what was typed; faults are shown once the step has been posted."""
    shell = shell_of(request)
    found: tuple[Fault, ...] = ()
    if step in draft.seen:
        found = faults(draft, step, shell.clock.now().date())
    choice: tuple[object, ...] = ()
    if step == "place" and step in draft.seen and not draft.value("commune_code"):
        found, choice = place_choice(request, draft, found)
    return page(
        request,
        f"draft_{step}.html",
        session=session,
        draft=draft,
        step=step,
        number=STEPS.index(step) + 1,
        of=len(STEPS),
        slug=SLUGS[step],
        previous=draft_path(draft.draft_id, SLUGS[STEPS[STEPS.index(step) - 1]]) if step != STEPS[0] else None,
        faults=found,
        choice=choice,
        groups=GROUPS,
        needs_max=NEEDS_MAX,
        note_max=NOTE_CHARS_MAX,
        back_to_summary=back_to_summary,
    )


def place_choice(
    request: Request, draft: Draft, found: tuple[Fault, ...]
) -> tuple[tuple[Fault, ...], tuple[object, ...]]:
    """Say precisely why the typed commune is not enough, and offer those it may mean."""
    text = clean(draft.value("commune"))
    if not text:
        return found, ()
    others = tuple(fault for fault in found if fault.field != "commune")
    match shell_of(request).communes.find(text):
        case Several(communes):
            return (Fault("commune_code", "fault.commune.several"), *others), communes
        case Merged(successors):
            message = "fault.commune.merged" if len(successors) == 1 else "fault.commune.merged_many"
            return (Fault("commune_code", message), *others), successors
        case Nothing(near) if near:
            return (Fault("commune", "fault.commune.near"), *others), near
        case Nothing():
            return (Fault("commune", "fault.commune.unknown"), *others), ()
        case Found(commune):
            return (Fault("commune_code", "fault.commune.several"), *others), (commune,)


@router.get("")
async def new_draft(request: Request) -> Response:
    session = await signed_in(request)
    member = association_only(session)
    return step_page(request, session, Draft(new_id(), member.member_id), "person", back_to_summary=False)


@router.get("/{draft_id}/" + SUMMARY)
async def summary(request: Request, draft_id: UUID) -> Response:
    session = await signed_in(request)
    shell = shell_of(request)
    draft = await shell.drafts.read(draft_id, association_only(session).member_id, now=shell.clock.now())
    if draft.referral_id is not None:
        return go(f"/orientations/{draft.referral_id}")
    step = first_unfinished(draft, shell_of(request).clock.now().date())
    if step is not None:
        return go(draft_path(draft_id, SLUGS[step]))
    return summary_page(request, session, draft)


def summary_page(
    request: Request,
    session: Session,
    draft: Draft,
    *,
    status: int = 200,
    trouble: str = "",
    successor: str = "",
    mend: tuple[Fault, ...] = (),
) -> Response:
    return page(
        request,
        "draft_summary.html",
        session=session,
        status=status,
        draft=draft,
        born=birth_date(draft),
        slugs=SLUGS,
        trouble=trouble,
        successor=successor,
        mend=mend,
        slug_of=SLUG_OF,
        perhaps_real=any(fault.field in NOBODY_REAL for fault in mend),
        here=draft_path(draft.draft_id, SUMMARY),
    )


@router.get("/{draft_id}/{slug}")
async def step_shown(request: Request, draft_id: UUID, slug: str, retour: str = "") -> Response:
    session = await signed_in(request)
    step = _step(slug)
    shell = shell_of(request)
    draft = await shell.drafts.read(draft_id, association_only(session).member_id, now=shell.clock.now())
    if draft.referral_id is not None:
        return go(f"/orientations/{draft.referral_id}")
    return step_page(request, session, draft, step, back_to_summary=retour == SUMMARY)


@router.post("/{draft_id}/" + SUMMARY)
async def sent(request: Request, draft_id: UUID) -> Response:
    session, form = await posted(request)
    shell, member = shell_of(request), association_only(session)
    try:
        referral_id = await send_draft(
            shell.drafts, shell.desk, member, draft_id, form.get("cle"), now=shell.clock.now()
        )
    except Unfinished as unfinished:
        return go(draft_path(draft_id, SLUGS.get(unfinished.step, SUMMARY)))
    except (ServiceSilent, SendingInProgress, KeyReused, Conflict, Refused) as error:
        draft = await shell.drafts.read(draft_id, member.member_id, now=shell.clock.now())
        return _not_sent(request, session, draft, error)
    return go(f"/orientations/{referral_id}?envoyee=oui")


def _not_sent(request: Request, session: Session, draft: Draft, error: Exception) -> Response:
    """Show the summary again, unchanged, with what happened and what to do."""
    match error:
        case ServiceSilent():
            response = summary_page(request, session, draft, status=503, trouble="silent")
            response.headers["Retry-After"] = "5"
            return response
        case SendingInProgress():
            return summary_page(request, session, draft, status=409, trouble="in_progress")
        case Refused(code=code, fields=fields, successor=successor):
            trouble = code if code in KNOWN_REFUSALS else "refused"
            if trouble == "commune_merged" and not successor:
                trouble = "unknown_commune"
            mend = answers_refused(fields) if trouble == "validation_failed" else ()
            return summary_page(request, session, draft, status=422, trouble=trouble, successor=successor, mend=mend)
        case _:
            return summary_page(request, session, draft, status=409, trouble="maybe_sent")


@router.post("/{draft_id}/suppression")
async def discarded(request: Request, draft_id: UUID) -> Response:
    session, _ = await posted(request)
    await shell_of(request).drafts.discard(draft_id, association_only(session).member_id)
    return go("/orientations")


@router.post("/{draft_id}/{slug}")
async def step_posted(request: Request, draft_id: UUID, slug: str) -> Response:
    session, form = await posted(request)
    shell, step = shell_of(request), _step(slug)
    draft = await write_draft(
        shell.drafts,
        shell.communes,
        draft_id=draft_id,
        member_id=association_only(session).member_id,
        step=step,
        typed=_typed(form, step),
        now=shell.clock.now(),
    )
    if draft.referral_id is not None:
        return go(f"/orientations/{draft.referral_id}")
    back = form.get("retour") == SUMMARY
    if faults(draft, step, shell.clock.now().date()):
        return go(draft_path(draft_id, slug) + (f"?retour={SUMMARY}" if back else "") + "#erreurs")
    at = STEPS.index(step) + 1
    return go(draft_path(draft_id, SUMMARY if back or at == len(STEPS) else SLUGS[STEPS[at]]))


def _step(slug: str) -> str:
    if slug not in STEP_OF:
        raise NotFound
    return STEP_OF[slug]


def _typed(form: Form, step: str) -> dict[str, tuple[str, ...]]:
    return {name: form.fields.get(name, ()) for name in FIELDS[step]}
