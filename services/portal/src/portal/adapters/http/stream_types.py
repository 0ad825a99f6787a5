"""`/evenements-recus`: which types of event an organisation's stream takes, checked before it changes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from maillage_contracts.catalogue import catalogue
from portal.adapters.http.browser import Form, shell_of
from portal.adapters.http.organisation import Whose, draw, told, under_every_prefix, whose, whose_form
from portal.domain.draft import Fault
from portal.domain.errors import Conflict, Refused
from portal.domain.member import Section
from portal.domain.stream_types import IDENTIFIED, SOME, StreamTypes, TypesAsked, slug_of

_routes = APIRouter()

HERE = "/evenements-recus"
SEND, MEND = "envoyer", "corriger"


@_routes.get(HERE)
async def shown(request: Request) -> Response:
    one = await whose(request, Section.TYPES)
    stream = await shell_of(request).partners.types.types(one.member, one.code)
    return _form(request, one, stream, TypesAsked.of(stream, stream.chosen))


@_routes.post(HERE)
async def asked(request: Request) -> Response:
    """Show what a choice changes, or carry it out: nothing is stored in between, the check carries the choice."""
    one, form = await whose_form(request, Section.TYPES)
    stream = await shell_of(request).partners.types.types(one.member, one.code)
    step = form.get("etape")
    if step in (SEND, MEND):
        return await _checked(request, one, stream, form, send=step == SEND)
    typed = _typed(stream, form)
    faults = typed.faults(stream)
    if faults:
        return _form(request, one, stream, typed, faults)
    choice = typed.choice(stream)
    if choice == stream.chosen:
        return told(one.base + HERE, "types-memes")
    return _check(request, one, stream, choice)


async def _checked(request: Request, one: Whose, stream: StreamTypes, form: Form, *, send: bool) -> Response:
    names = form.fields.get("types", ())
    known = [name for name in stream.available if name in names]
    choice = tuple(known) if form.get("which") != "tous" else None
    typed = TypesAsked.of(stream, choice)
    faults = typed.faults(stream)
    if faults or not send:
        return _form(request, one, stream, typed, faults)
    # Pressed twice, the second finds its own choice: it is what was wanted.
    if choice != stream.chosen:
        if form.get("version") != str(stream.version):
            return told(one.base + HERE, "change")
        try:
            await shell_of(request).partners.types.choose(one.member, one.code, choice, stream.version)
        except (Conflict, Refused):
            return told(one.base + HERE, "change")
    return told(one.base + HERE, "types")


def _typed(stream: StreamTypes, form: Form) -> TypesAsked:
    slugs = {family: slug_of(family) for family in stream.families}
    ticked = {name for slug in slugs.values() for name in form.fields.get(f"types-{slug}", ())}
    extents = {family: form.get(f"famille-{slug}") for family, slug in slugs.items()}
    return TypesAsked(form.get("which"), extents, frozenset(ticked))


def _form(
    request: Request, one: Whose, stream: StreamTypes, typed: TypesAsked, faults: tuple[Fault, ...] = ()
) -> Response:
    return draw(
        request,
        one,
        "stream_types.html",
        stream=stream,
        typed=typed,
        families=[(family, slug_of(family), names) for family, names in stream.families.items()],
        some=SOME,
        entries=catalogue(),
        faults=faults,
        here=one.base + HERE,
    )


def _check(request: Request, one: Whose, stream: StreamTypes, choice: tuple[str, ...] | None) -> Response:
    before, after = stream.taken(stream.chosen), stream.taken(choice)
    return draw(
        request,
        one,
        "stream_types_check.html",
        stream=stream,
        choice=choice,
        more=[name for name in stream.available if name in after - before],
        fewer=[name for name in stream.available if name in before - after],
        kept=[name for name in stream.available if name in after & before],
        unnamed=IDENTIFIED in stream.available and IDENTIFIED not in after,
        entries=catalogue(),
        here=one.base + HERE,
    )


router = under_every_prefix(_routes)
