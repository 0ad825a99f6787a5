"""`maillage dead-letters …`: the commands, as typer shows them. What they do is in `maillage.dead_letters`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maillage.errors import Refusal
from maillage.options import Json, print_json, settings

if TYPE_CHECKING:
    from maillage.api import Client
    from maillage.settings import LocalSettings

app = typer.Typer(
    help="Événements mis de côté par un service · events that a service has set aside.", no_args_is_help=True
)

Service = Annotated[str, typer.Argument(help="registration, referrals, training, notifications, partners")]
OfService = Annotated[str | None, typer.Option("--service", "-s", help="Un seul service · one service only.")]
Letter = Annotated[int, typer.Argument(min=1, help="Le numéro que donne `list` · the number that `list` gives.")]
Why = Annotated[str, typer.Option("--why", help="Pourquoi, pour le registre · why, for the record.")]


@app.command("list", epilog="Exemple · example: maillage dead-letters list --service referrals")
def list_(
    service: OfService = None,
    state: Annotated[str | None, typer.Option(help="dead (en cause · at fault), held (derrière · behind)")] = None,
    cause: Annotated[str | None, typer.Option(help="Le groupe que donne `causes` · a group of `causes`.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Continuer après ce numéro · continue after.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Combien par service · how many of each service.")] = 50,
    as_json: Json = False,
) -> None:
    """Montrer ce qui est de côté, sans son contenu · list what is set aside, without its content."""
    from maillage.dead_letters import of_services
    from maillage.letter_tables import show_letters

    query = {"after": after, "limit": limit, "state": state, "group": cause}
    found = _ask(service, lambda run, client: of_services(run, client, service, "", **query))
    print_json({"services": found}) if as_json else show_letters(found)
    _fail_if_silent(found)


@app.command(epilog="Exemple · example: maillage dead-letters causes")
def causes(service: OfService = None, as_json: Json = False) -> None:
    """Compter par cause · count by cause."""
    from maillage.dead_letters import of_services
    from maillage.letter_tables import show_causes

    found = _ask(service, lambda run, client: of_services(run, client, service, "/groups"))
    print_json({"services": found}) if as_json else show_causes(found)
    _fail_if_silent(found)


@app.command(epilog="Exemple · example: maillage dead-letters show referrals 12")
def show(
    service: Service,
    letter: Letter,
    value: Annotated[
        Path | None, typer.Option("--value", help="Écrire le contenu dans ce nouveau fichier · into this new file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Montrer un événement et ce qui lui a été fait · show one event, and what was done to it."""
    from maillage import dead_letters
    from maillage.letter_tables import show_letter

    async def work(run: LocalSettings, client: Client) -> dict[str, Any]:
        shown = await dead_letters.show(run, client, service, letter)
        if value is not None:
            shown["written_bytes"] = await dead_letters.save_value(run, client, service, letter, value)
        return shown

    found = _ask(service, work)
    print_json(found) if as_json else show_letter(found, value)


@app.command(epilog='Exemple · example: maillage dead-letters correct referrals 12 corrigé.json --why "date fautive"')
def correct(
    service: Service,
    letter: Letter,
    file: Annotated[Path, typer.Argument(help="Le contenu qui remplace · what replaces the content.")],
    why: Why,
    as_json: Json = False,
) -> None:
    """Remplacer le contenu d'un événement, au registre · replace an event's content, on the record."""
    from maillage import dead_letters

    done = _ask(service, lambda run, client: dead_letters.correct(run, client, service, letter, file, why))
    if as_json:
        print_json(done)
        return
    typer.echo(f"Le contenu de {service} {letter} est remplacé ({done['value_bytes']} octets) · replaced")
    typer.echo(f"  → maillage dead-letters requeue {service} {letter}")


@app.command(epilog="Exemple · example: maillage dead-letters requeue referrals --all --dry-run")
def requeue(
    service: Service,
    letter: Annotated[int | None, typer.Argument(min=1, help="Un seul · one only.")] = None,
    cause: Annotated[str | None, typer.Option(help="Tous ceux d'un groupe de `causes` · all of a group.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Tous · all.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Essayer et ne rien garder · try, keep nothing.")] = False,
    why: Annotated[str | None, typer.Option("--why", help="Pourquoi, pour le registre · for the record.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ne rien demander · do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Traiter à nouveau, puis ce qui attend derrière · handle again, then what waits behind."""
    from maillage import dead_letters
    from maillage.letter_tables import show_outcome, tell_page

    if sum((letter is not None, cause is not None, everything)) != 1:
        raise Refusal(
            "Dites lequel : un numéro, --cause ou --all · say which: a number, --cause or --all",
            f"maillage dead-letters list --service {service}",
        )
    if everything and not dry_run and not yes:
        typer.confirm(f"Traiter à nouveau tout ce que {service} a mis de côté ? · handle all again?", abort=True)

    async def work(run: LocalSettings, client: Client) -> dict[str, Any]:
        if letter is not None:
            return await dead_letters.requeue_one(run, client, service, letter, dry_run=dry_run, why=why)
        tell = (lambda _: None) if as_json else tell_page
        return await dead_letters.requeue_many(run, client, service, cause, dry_run=dry_run, why=why, tell=tell)

    outcome = _ask(service, work)
    print_json(outcome) if as_json else show_outcome(service, outcome)
    if outcome["failed"] or outcome["waits_for"] is not None:
        raise typer.Exit(1)


def _ask(service: str | None, work: Callable[[LocalSettings, Client], Awaitable[Any]]) -> Any:
    from maillage.operators import operator, service_named

    run = settings()
    if service is not None:
        service_named(service)

    async def whole() -> Any:
        async with operator(run) as client:
            return await work(run, client)

    return asyncio.run(whole())


def _fail_if_silent(found: list[dict[str, Any]]) -> None:
    if any("error" in one for one in found):
        raise typer.Exit(1)
