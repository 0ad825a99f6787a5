"""The form that changes a shared plan. Every button keeps what was typed, then shows it by a redirect.

So reload, back, two tabs and another day lose and double nothing, with or without scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.ids import new_id
from portal.adapters.http.browser import Form, posted, shell_of, signed_in
from portal.adapters.http.pages import go, page
from portal.app.change_plan import save_plan, write_plan
from portal.domain import plan as plans
from portal.domain.accompaniment import ACTION_STATES, ASSIGNEES, TrainingSession
from portal.domain.errors import Conflict, Refused, ServiceSilent
from portal.domain.member import Section, Session
from portal.domain.needs import GROUPS
from portal.domain.plan import FIELDS, GOALS_MAX, PlanDraft
from portal.domain.plan_compare import differences, gone, says_the_same

router = APIRouter(prefix="/accompagnements/{accompaniment_id}/plan")

SESSIONS_MAX = 50
"""Sessions offered at once: the page stays short, and the nearest come first."""

GOAL = "but-"
SAVE, DISCARD = "enregistrer", "abandonner"


@router.get("")
async def plan_page(request: Request, accompaniment_id: UUID, refus: str = "") -> Response:
    session = await signed_in(request, Section.ACCOMPANIMENTS)
    shell, member = shell_of(request), session.member
    found = await shell.accompaniments.read(member, accompaniment_id)
    if "plan" not in found.allowed:
        return go(f"/accompagnements/{accompaniment_id}?change=oui")
    kept = await shell.plan_drafts.read(accompaniment_id, member.member_id, now=shell.clock.now())
    draft = kept[0] if kept is not None else plans.start(found.plan)
    stale = draft.based_on != found.plan.version and not says_the_same(draft, found.plan)
    opened = draft.opened
    sessions = None
    if opened is not None and opened.kind == "training":
        sessions = await _sessions(request, session)
    return page(
        request,
        "plan.html",
        session=session,
        found=found,
        line=found.line,
        draft=draft,
        opened=opened,
        sessions=sessions,
        kept=kept is not None,
        stale=stale,
        refused=refus == "oui",
        marks=differences(draft, found.plan) if stale else {},
        gone=gone(draft, found.plan) if stale else frozenset(),
        faults=plans.faults(draft),
        goals_max=GOALS_MAX,
        actions_max=plans.ACTIONS_MAX,
        text_max=plans.TEXT_CHARS_MAX,
        groups=GROUPS,
        assignees=ASSIGNEES,
        states=ACTION_STATES,
    )


async def _sessions(request: Request, session: Session) -> Sequence[TrainingSession] | None:
    """Return the sessions still to come, the nearest first; None when the service does not answer: the form goes on."""
    shell = shell_of(request)
    try:
        found = await shell.training.sessions(session.member, limit=SESSIONS_MAX)
    except ServiceSilent:
        return None
    now = shell.clock.now()
    return sorted((one for one in found if one.starts_at > now), key=lambda one: one.starts_at)


@router.post("")
async def plan_posted(request: Request, accompaniment_id: UUID) -> Response:
    session, form = await posted(request, Section.ACCOMPANIMENTS)
    shell, member = shell_of(request), session.member
    here = f"/accompagnements/{accompaniment_id}"
    verb, _, target = form.get("faire").partition(":")
    if verb == DISCARD:
        await shell.plan_drafts.discard(accompaniment_id, member.member_id)
        return go(here)
    found = await shell.accompaniments.read(member, accompaniment_id)
    if "plan" not in found.allowed:
        return go(f"{here}?change=oui")
    now, key = shell.clock.now(), str(new_id())
    seen = int(form.get("vu")) if form.get("vu").isdecimal() else found.plan.version
    if verb != SAVE:
        edit = _edit(form, verb, target, key)
        if verb == "reprendre":
            edit = _then(edit, lambda draft: plans.take(draft, found.plan, target))
        draft = await write_plan(shell.plan_drafts, member, found, edit, seen=seen, now=now)
        return go(f"{here}/plan{_place(draft, verb, key)}")
    try:
        edit = _edit(form, "", "", key)
        outcome = await save_plan(shell.plan_drafts, shell.accompaniments, member, found, edit, seen=seen, now=now)
    except Conflict:
        return go(f"{here}?change=oui")
    except Refused:
        return go(f"{here}/plan?refus=oui#erreurs")
    return go({"saved": f"{here}?fait=plan#plan", "unfinished": f"{here}/plan#erreurs"}.get(outcome, f"{here}/plan"))


Edit = Callable[[PlanDraft], PlanDraft]


def _then(first: Edit, second: Edit) -> Edit:
    return lambda draft: second(first(draft))


def _edit(form: Form, verb: str, target: str, key: str) -> Edit:
    """Return the change that one button means, on top of everything the form says."""
    goals = {name.removeprefix(GOAL): form.get(name) for name in form.fields if name.startswith(GOAL)}
    action = {name: form.get(name) for name in ("kind", *FIELDS) if name in form.fields}
    if "session" in form.fields:
        action |= _session_of(form.get("session"), action.get("theme", ""))
    opened = form.get("ouverte")

    def edit(draft: PlanDraft) -> PlanDraft:
        kept = plans.typed(draft, goals, action, opened)
        match verb:
            case "ajouter-but":
                return plans.add_goal(kept, key)
            case "ajouter-demarche":
                return plans.add_action(kept, key, "step")
            case "ajouter-formation":
                return plans.add_action(kept, key, "training")
            case "modifier":
                return plans.open_action(kept, target)
            case "garder":
                return plans.close(kept)
            case "retirer":
                return plans.remove(kept, target)
        return kept

    return edit


def _session_of(chosen: str, theme: str) -> dict[str, str]:
    """Read the chosen session, which is sent with what it teaches: `<id> <theme>`."""
    session_id, _, taught = chosen.partition(" ")
    return {"session_id": session_id, "theme": taught or theme}


def _place(draft: PlanDraft, verb: str, key: str) -> str:
    """Return the fragment that brings the reader to what the button was about."""
    if plans.faults(draft):
        return "#erreurs"
    if draft.open:
        return "#action"
    if verb == "ajouter-but" and draft.goals:
        return f"#{GOAL}{draft.goals[-1].key}"
    return "#actions" if verb in ("garder", "retirer") else ""
