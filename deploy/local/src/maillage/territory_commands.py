"""`maillage territory …`: the commands, as typer shows them. What they do is in `maillage.territory`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maillage.options import Json, print_json, settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from maillage.territory.applying import Applying
    from maillage.territory.planning import Step

app = typer.Typer(
    help="Un territoire décrit dans un fichier TOML · a territory described in a TOML file.", no_args_is_help=True
)

File = Annotated[Path, typer.Argument(help="Le fichier TOML · the TOML file.")]
Keep = Annotated[
    Path,
    typer.Option("--secrets", help="Dossier privé des secrets reçus une fois · private folder of secrets shown once."),
]
SECRETS = Path("secrets-du-territoire")


@app.command(epilog="Exemple · example: maillage territory plan cd93.toml")
def plan(file: File, secrets: Keep = SECRETS, as_json: Json = False) -> None:
    """Dire ce qui changerait, sans rien changer · say what would change, and change nothing."""

    async def look(territory: Applying) -> list[Step]:
        return await territory.plan()

    steps = _with(file, secrets, look)
    _show(steps, as_json)


@app.command(epilog="Exemple · example: maillage territory apply cd93.toml --secrets ~/secrets-cd93")
def apply(
    file: File,
    secrets: Keep = SECRETS,
    prune: Annotated[
        bool, typer.Option("--prune", help="Retirer aussi ce que le fichier ne nomme pas · also remove the rest.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ne rien demander avant de retirer · do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Rendre le territoire tel que le fichier le dit ; une seconde fois ne change rien · make it so."""

    async def make(territory: Applying) -> list[Step]:
        from maillage.territory.planning import EXTRA

        steps = await territory.plan()
        if not as_json:
            _show(steps, as_json=False)
        extra = [step for step in steps if step.action == EXTRA] if prune else []
        if extra and not yes:
            typer.confirm(f"Retirer ces {len(extra)} éléments ? · remove them?", abort=True)
        await territory.apply(steps, _said(as_json))
        await territory.prune(extra, _said(as_json))
        return steps

    steps = _with(file, secrets, make)
    if as_json:
        _show(steps, as_json)
    else:
        typer.echo(f"Fait. Secrets : {secrets} · done")


def _with(file: Path, secrets: Path, work: Callable[[Applying], Awaitable[list[Step]]]) -> list[Step]:
    from maillage.operators import operator
    from maillage.territory.applying import Applying
    from maillage.territory.keeping import Folder
    from maillage.territory.reading import read_file

    run = settings()
    read = read_file(file)

    async def working() -> list[Step]:
        from maillage.api import http_client

        async with operator(run) as client, http_client() as http:
            partners, training = (run.operations_url_of(name) for name in ("partners", "training"))
            return await work(Applying(read, client, http, partners, training, Folder(secrets)))

    return asyncio.run(working())


SIGNS = {
    "create": ("+", "créer · create"),
    "change": ("~", "changer · change"),
    "renew": ("~", "refaire · make again"),
    "extra": ("?", "hors du fichier · not in the file"),
}


def _line(step: Step) -> str:
    sign, said = SIGNS[step.action]
    note = f" ({step.note})" if step.note else ""
    return f"{sign} {step.code:<12} {step.what:<12} {shown_name(step)}{note} – {said}"


def shown_name(step: Step) -> str:
    """Return the name of a step without what may be secret in it: of a webhook, the server only."""
    if step.what != "webhook":
        return step.name
    from urllib.parse import urlsplit

    return urlsplit(step.name).hostname or "?"


def _show(steps: list[Step], as_json: bool) -> None:
    if as_json:
        print_json({"steps": [_document(step) for step in steps]})
        return
    shown = [step for step in steps if step.action != "nothing"]
    for step in shown:
        typer.echo(_line(step))
    for step in steps:
        if step.action == "nothing" and step.note:
            typer.echo(f"  {step.code:<12} {step.what:<12} {shown_name(step)} : {step.note}")
    changes = sum(step.action != "extra" for step in shown)
    several = "s" if changes > 1 else ""
    typer.echo(f"{changes} changement{several} · changes" if changes else "Rien à changer · nothing to change")


def _document(step: Step) -> dict[str, Any]:
    return step.document() | {"name": shown_name(step)}


def _said(as_json: bool) -> Callable[[Step], None]:
    return lambda step: None if as_json else typer.echo(f"  ✓ {step.code} : {step.what} {shown_name(step)}")
