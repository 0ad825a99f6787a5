"""`maillage replay SERVICE`, as typer shows it. What it does is in `maillage.replay`."""

from __future__ import annotations

from typing import Annotated

import typer

from maillage.options import Json, print_json, settings


def replay(
    service: Annotated[str, typer.Argument(help="registration, referrals, training, notifications, partners")],
    what_is_left: Annotated[
        bool,
        typer.Option("--what-is-left", help="Même si des événements ont expiré · even where events have expired."),
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Garder la base reconstruite · keep the rebuilt database.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Reconstruire ailleurs ce qu'un service sait par les événements, et comparer · rebuild elsewhere, compare."""
    from maillage import replay as work

    run = settings()
    code, found = work.replay(run, service, what_is_left=what_is_left, keep=keep, quiet=as_json)
    if as_json:
        print_json(found)
    else:
        from maillage.replay_tables import show_replay

        show_replay(found)
    raise typer.Exit(code)
