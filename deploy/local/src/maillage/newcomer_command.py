"""`maillage join`, as typer shows it. What it does is in `maillage.newcomer`."""

from __future__ import annotations

from typing import Annotated

import typer

from maillage.errors import Refusal
from maillage.options import Json, print_json, settings

KINDS = ("association", "council", "employment_service", "training_provider")


def join(
    kind: Annotated[str, typer.Option("--kind", help=", ".join(KINDS))] = "association",
    place: Annotated[str, typer.Option("--place", help="Un département · a département: 77, 2A, 974.")] = "77",
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Au bac à sable : personne n'approuve · nobody approves.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Rejoindre Maillage comme une organisation nouvelle, et dire le temps que cela prend · join, and say how long."""
    import asyncio

    if kind not in KINDS:
        raise Refusal(f"--kind {kind[:40]} n'existe pas · there is no such kind", ", ".join(KINDS))
    from maillage.newcomer import join as work

    found = asyncio.run(work(settings(), kind=kind, place=place, sandbox=sandbox)).document()
    if as_json:
        print_json(found)
        return
    for name, seconds in found["steps"].items():
        typer.echo(f"{name:<12} {seconds:7.3f} s")
    typer.echo(
        f"{'total':<12} {found['seconds']:7.3f} s   {found['organisation_code']}: {found['first_event']['type']}"
    )
