"""What is wrong in a file that has the right form: places that do not exist, rights a kind does not have, repeats.

The rules of rights are those of `partners` itself, so that a file is not refused later for what it could be told now.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import TypeAlias

import territory as geography
from maillage.territory.lines import Place
from maillage.territory.wanted import Organisation, Programme, Territory, Wanted
from maillage_contracts import PARTNER_TOPIC
from partners.domain.access import SCOPES, Role
from partners.domain.organisation import Kind

Found: TypeAlias = tuple[Place, str, str]
"""Where, in French, in English."""

STREAM_TYPES = (*PARTNER_TOPIC.types, *PARTNER_TOPIC.relayed_types)
"""Every type that a stream may hold."""

EVERY_TYPE = "*"

OPENS_SESSIONS = "sessions:write"


def problems_of(wanted: Wanted) -> Iterator[Found]:
    """Yield what is wrong, in no order."""
    codes = [one.code for one in wanted.organisations]
    yield from _repeats(("organisations",), codes, "code")
    yield from _shared_jurisdictions(wanted)
    for number, organisation in enumerate(wanted.organisations):
        place: Place = ("organisations", number)
        yield from _of_territory((*place, "territory"), organisation.territory)
        yield from _of_access(place, organisation)
        yield from _of_types(place, organisation)
    for number, programme in enumerate(wanted.programmes):
        yield from _of_programme(("programmes", number), programme, wanted)


def canonical(found: Organisation) -> frozenset[str]:
    """Return the collectivities that an organisation answers for, each under the one code that `partners` writes."""
    codes = {geography.collectivity(code).code for code in found.territory.collectivities}
    if found.kind in ("council", "employment_service"):
        codes |= {geography.collectivity_of_departement(code).code for code in found.territory.departements}
    return frozenset(codes)


def _repeats(place: Place, names: Collection[str], key: str) -> Iterator[Found]:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            yield (*place, number, key), f"« {name} » est déjà plus haut", f"“{name}” is above already"
        seen.add(name)


def _of_territory(place: Place, territory: Territory) -> Iterator[Found]:
    for problem in geography.check_territory(territory):
        codes: tuple[str, ...] = getattr(territory, problem.field)
        french = f"« {problem.code} » n'existe pas (codes officiels, pas codes postaux)"
        english = f"“{problem.code}” does not exist (official codes, not postal codes)"
        if problem.successor is not None:
            now = f"{problem.successor.name} ({problem.successor.code})"
            french = f"« {problem.code} » fait partie de {now}"
            english = f"“{problem.code}” is part of {now}"
        yield (*place, problem.field, codes.index(problem.code)), french, english


def _shared_jurisdictions(wanted: Wanted) -> Iterator[Found]:
    holders: dict[tuple[bool, str], str] = {}
    for number, organisation in enumerate(wanted.organisations):
        if organisation.kind != "council" or next(_of_territory((), organisation.territory), None) is not None:
            continue
        for code in sorted(canonical(organisation)):
            holder = holders.setdefault((organisation.sandbox, code), organisation.code)
            if holder != organisation.code:
                yield (
                    ("organisations", number, "territory"),
                    f"« {holder} » répond déjà pour {code}",
                    f"“{holder}” answers for {code} already",
                )


def _of_access(place: Place, organisation: Organisation) -> Iterator[Found]:
    yield from _repeats((*place, "members"), [one.label for one in organisation.members], "label")
    yield from _repeats((*place, "clients"), [one.name for one in organisation.clients], "name")
    yield from _repeats((*place, "webhooks"), [one.url for one in organisation.webhooks], "url")
    roles = [role.value for role in Role]
    for number, member in enumerate(organisation.members):
        if member.role not in roles:
            known = ", ".join(roles)
            yield (
                (*place, "members", number, "role"),
                f"rôle inconnu ; admis : {known}",
                f"unknown role; one of {known}",
            )
    allowed = SCOPES[Kind(organisation.kind)]
    for number, client in enumerate(organisation.clients):
        for rank, scope in enumerate(client.scopes or ()):
            if scope not in allowed:
                known = ", ".join(sorted(allowed))
                yield (
                    (*place, "clients", number, "scopes", rank),
                    f"« {scope[:40]} » n'est pas un droit de {organisation.kind} ; admis : {known}",
                    f"“{scope[:40]}” is no scope of {organisation.kind}; one of {known}",
                )


def _of_types(place: Place, organisation: Organisation) -> Iterator[Found]:
    for number, name in enumerate(organisation.event_types or ()):
        if name != EVERY_TYPE and name not in STREAM_TYPES:
            close = difflib.get_close_matches(name[:100], STREAM_TYPES, 1, 0.6)
            yield (
                (*place, "event_types", number),
                f"« {name[:100]} » n'est sur aucun flux" + (f" ; vouliez-vous « {close[0]} » ?" if close else ""),
                f"“{name[:100]}” is on no stream" + (f"; did you mean “{close[0]}”?" if close else ""),
            )


def _of_programme(place: Place, programme: Programme, wanted: Wanted) -> Iterator[Found]:
    provider = next((one for one in wanted.organisations if one.code == programme.provider), None)
    if provider is None or provider.kind != "training_provider":
        yield (
            (*place, "provider"),
            f"« {programme.provider} » n'est pas un organisme de formation de ce fichier",
            f"“{programme.provider}” is no training provider of this file",
        )
        return
    client = next((one for one in provider.clients if one.name == programme.client), None)
    if client is None or (client.scopes is not None and OPENS_SESSIONS not in client.scopes):
        yield (
            (*place, "client"),
            f"« {programme.client} » n'est pas un client de {provider.code} qui a le droit {OPENS_SESSIONS}",
            f"“{programme.client}” is no client of {provider.code} with the scope {OPENS_SESSIONS}",
        )
    try:
        geography.commune(programme.commune)
    except geography.TerritoryError:
        yield (
            (*place, "commune"),
            f"« {programme.commune[:10]} » n'est pas une commune (code officiel)",
            f"“{programme.commune[:10]}” is no commune (official code)",
        )
