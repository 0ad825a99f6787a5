"""The `maillage` command. Each command imports what it needs when it runs, so that `--help` answers at once.

Failures are one sentence and a remedy on standard error, exit code 1; never a stack trace.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from maillage import (
    contracts_command,
    dead_letter_commands,
    newcomer_command,
    prepare_commands,
    replay_command,
    territory_commands,
)
from maillage.errors import Refusal
from maillage.options import Json, ServicesFrom
from maillage.options import print_json as _print_json
from maillage.options import settings as _settings

NOT_RUNNING = 3
"""Exit code of `status` when nothing runs, as init scripts answer."""

app = typer.Typer(
    name="maillage",
    help="Maillage sur cette machine : démarrer, regarder, arrêter · Maillage on this machine: start, look, stop.",
    epilog="Exemple · example: maillage up",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(contracts_command.app, name="contracts", epilog="Exemple · example: maillage contracts shadow --help")
app.add_typer(dead_letter_commands.app, name="dead-letters", epilog="Exemple · example: maillage dead-letters causes")
app.add_typer(prepare_commands.app, name="prepare", epilog="Exemple · example: maillage prepare databases")
app.add_typer(territory_commands.app, name="territory", epilog="Exemple · example: maillage territory plan cd93.toml")
app.command(epilog="Exemple · example: maillage replay referrals")(replay_command.replay)
app.command(epilog="Exemple · example: maillage join --sandbox")(newcomer_command.join)


@app.command(epilog="Exemple · example: maillage up --no-story")
def up(
    story: Annotated[
        bool, typer.Option("--story/--no-story", help="Jouer la démonstration · play the demonstration.")
    ] = True,
    zipkin: Annotated[
        bool | None,
        typer.Option("--zipkin/--no-zipkin", help="Lancer le lecteur de traces · start the trace viewer."),
    ] = None,
    stop_with_parent: Annotated[
        bool, typer.Option("--stop-with-parent", help="S'arrêter avec son lanceur · stop when the starter ends.")
    ] = False,
) -> None:
    """Démarrer tout et rester jusqu'à Ctrl-C · start everything, stay until Ctrl-C."""
    from maillage.up import up as run

    settings = _settings()
    if zipkin is not None:
        settings = settings.model_copy(update={"zipkin": "on" if zipkin else "off"})
    raise typer.Exit(run(settings, story=story, stop_with_parent=stop_with_parent))


@app.command(epilog="Exemple · example: maillage down")
def down() -> None:
    """Arrêter ce qui tourne, garder les données · stop what runs, keep the data."""
    from maillage.data_folder import down as stop

    typer.echo(
        "Maillage est arrêté, les données sont gardées · stopped, data kept"
        if stop(_settings())
        else "Rien ne tournait · nothing was running"
    )


@app.command(epilog="Exemple · example: maillage status --json")
def status(as_json: Json = False, services_from: ServicesFrom = None) -> None:
    """Montrer chaque partie : adresse, état, journal · show every part: address, state, log."""
    from maillage.view import document

    settings = _settings(services_from)
    found = document(settings)
    if as_json:
        from maillage.doctor import examine
        from maillage.status_document import whole

        _print_json(whole(found, examine(settings, found)))
    else:
        from maillage.tables import show_status

        show_status(found)
    if not found["running"]:
        raise typer.Exit(NOT_RUNNING)


@app.command(epilog="Exemple · example: maillage doctor --json")
def doctor(as_json: Json = False, services_from: ServicesFrom = None) -> None:
    """Vérifier cette machine et dire quoi faire · check this machine and say what to do."""
    from maillage.doctor import examine
    from maillage.view import document

    settings = _settings(services_from)
    checks = examine(settings, document(settings)).checks
    if as_json:
        _print_json({"checks": [check.document() for check in checks]})
    else:
        from maillage.tables import show_checks

        show_checks(checks)
    if any(check.level == "fail" for check in checks):
        raise typer.Exit(1)


@app.command(epilog="Exemple · example: maillage topics --json")
def topics(as_json: Json = False) -> None:
    """Montrer les sujets Kafka, leur taille, le retard des lecteurs · show topics, sizes, lag of readers."""
    from maillage.topics import look

    found = look(_settings())
    if as_json:
        _print_json(found)
    else:
        from maillage.tables import show_topics

        show_topics(found)


@app.command(epilog="Exemple · example: maillage trace 01890a5d-ac96-774b-bcce-b302099a8057")
def trace(
    referral_id: Annotated[
        str | None,
        typer.Argument(help="L'identifiant d'une orientation, sinon celle de la démonstration · a referral's id."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Montrer tout ce qu'une orientation a déclenché · show all that a referral set off, as trees."""
    from maillage.traces import of_referral

    found = of_referral(_settings(), referral_id)
    if as_json:
        _print_json(found)
    else:
        from maillage.trees import show_story

        show_story(found)


@app.command(epilog="Exemple · example: maillage logs referrals --follow")
def logs(
    part: Annotated[
        str,
        typer.Argument(
            help="postgres, kafka, desk, zipkin, registration, referrals, training, notifications, partners, portal"
        ),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Continuer · keep following.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Combien de lignes · how many lines.")] = 50,
) -> None:
    """Montrer le journal d'une partie · show the log of a part."""
    from maillage import logs as logging

    path = logging.log_file(_settings(), part)
    for line in logging.tail(path, lines):
        typer.echo(line)
    if follow:
        try:
            for text in logging.follow(path):
                typer.echo(text, nl=False)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


@app.command(epilog="Exemple · example: maillage reset --yes")
def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ne rien demander · do not ask.")] = False,
) -> None:
    """Effacer toutes les données de ce dossier · erase all data of this folder."""
    from maillage.data_folder import reset as erase

    settings = _settings()
    if not yes:
        typer.confirm(
            f"Effacer {settings.data_dir}, données, clés et journaux compris ? · erase everything there?", abort=True
        )
    typer.echo(
        f"{settings.data_dir} est effacé · erased" if erase(settings) else "Il n'y avait rien · there was nothing"
    )


@app.command(epilog="Exemple · example: maillage story")
def story(
    once: Annotated[
        bool, typer.Option("--once", help="Rien si elle a déjà été jouée · nothing if it was played before.")
    ] = False,
) -> None:
    """Jouer encore la démonstration sur ce qui tourne · play the demonstration again on what runs."""
    from maillage.playing import play_on_what_runs

    play_on_what_runs(_settings(), again=not once)


def main() -> None:
    """Run the command line; show refusals as sentences."""
    try:
        app()
        return
    except Refusal as refusal:
        sys.stdout.flush()
        typer.echo(f"maillage : {refusal.sentence}", err=True)
        if refusal.remedy:
            typer.echo(f"  → {_said(refusal.remedy)}", err=True)
    except Exception as error:  # noqa: BLE001 (typer puts its own sys.excepthook back: none of ours would be called)
        sys.stdout.flush()
        _say_unexpected(error)
    from maillage.concurrency import leave

    leave(1)
    raise SystemExit(1)


def _said(remedy: str) -> str:
    from maillage.spoken import said

    try:
        return said(_settings(), remedy)
    except Refusal:
        return remedy


def _say_unexpected(error: Exception) -> None:
    """Say an error nobody foresaw in one sentence; its trace goes to a file for whoever repairs it."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="maillage-", suffix=".trace", delete=False) as file:
        traceback.print_exception(error, file=file)
    typer.echo(f"maillage : erreur imprévue ({type(error).__name__}) · unexpected error", err=True)
    typer.echo(f"  → joignez ce fichier à votre signalement · attach this file to your report: {file.name}", err=True)


if __name__ == "__main__":
    main()
