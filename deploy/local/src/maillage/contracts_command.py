"""`maillage contracts shadow`, as typer shows it. What it does is in `maillage.shadowing`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maillage.options import Json, print_json

app = typer.Typer(help="Contrats d'événements · event contracts.", no_args_is_help=True)


@app.command(epilog="Exemple · example: maillage contracts shadow schema.json --url https://partenaires.exemple")
def shadow(
    url: Annotated[str, typer.Option("--url", envvar="MAILLAGE_URL", help="Adresse de l'API · address of the API.")],
    client_id: Annotated[str, typer.Option("--client-id", envvar="MAILLAGE_CLIENT_ID")],
    client_secret: Annotated[
        str, typer.Option(envvar="MAILLAGE_CLIENT_SECRET", help="Par l'environnement · from the environment.")
    ],
    schema: Annotated[Path | None, typer.Argument(help="Schéma JSON proposé · proposed JSON Schema.")] = None,
    command: Annotated[
        str, typer.Option("--command", help="Votre validateur : un JSON par ligne · your validator, a JSON a line.")
    ] = "",
    days: Annotated[int, typer.Option("--days", min=1, max=31)] = 30,
    as_json: Json = False,
) -> None:
    """Essayer un schéma, ou votre validateur, sur vos derniers événements · try a schema on your last events."""
    from maillage.shadowing import CannotShadow, Source, shadow_run

    if (schema is None) == (not command):
        raise typer.BadParameter("un schéma ou --command · a schema or --command")
    try:
        found = shadow_run(Source(url, client_id, client_secret, days), schema, command, quiet=as_json)
    except CannotShadow as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{found['events']} événements · events; {found['refused']} refusés · refused")
        for place in found["places"]:
            typer.echo(f"{place['type']}  {place['path']}: {place['events']}")
        for finding in found["findings"]:
            typer.echo(finding)
    raise typer.Exit(0 if found["harmless"] else 1)
