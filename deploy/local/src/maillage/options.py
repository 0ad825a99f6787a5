"""What every command takes and does alike; imports nothing that `--help` would have to wait for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from maillage.settings import LocalSettings

Json = Annotated[bool, typer.Option("--json", help="Pour un programme · for a program.")]


ServicesFrom = Annotated[
    str | None,
    typer.Option(
        "--services-from",
        metavar="FICHIER|URL",
        help="Regarder ailleurs : un fichier de MAILLAGE_…=, ou portal=https://…,referrals=… · look elsewhere.",
    ),
]


def settings(services_from: str | None = None) -> LocalSettings:
    """Return the settings of this run, or those of services elsewhere; or refuse."""
    if services_from is not None:
        from maillage.elsewhere import settings_from

        return settings_from(services_from)
    from maillage.settings import load

    return load()


def print_json(found: Any) -> None:
    """Print a document for a program."""
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
