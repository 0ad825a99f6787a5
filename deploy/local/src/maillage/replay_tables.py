"""What a replay found, shown to a person: counts and a verdict, never values."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from maillage.tables import console_of_this_run

VERDICTS = {
    "equal": "[green]Identique[/] : les événements redonnent exactement les tables en service · equal",
    "contained": "[green]Ce qui reste concorde[/] : tout ce qui a été reconstruit est en service tel quel · what is"
    " left agrees",
    "differs": "[red]Différent[/], d'abord dans {} · differs, first in {}",
    "undecided": "[yellow]Indécis[/] : des événements continuaient d'arriver ; recommencez au calme, {} différait"
    " · undecided: events kept coming",
}


def show_replay(found: dict[str, Any]) -> None:
    """Show each table, then what could not be rebuilt, then the verdict."""
    console = console_of_this_run()
    table = Table(
        "table", "en service", "reconstruit", "pareils", "différents", "en service seulement", "reconstruits seulement",
        box=None, pad_edge=False,
    )  # fmt: skip
    for one in found["tables"]:
        names = ("live", "rebuilt", "same", "different", "only_live", "only_rebuilt")
        table.add_row(one["table"], *(str(one[name]) for name in names))
    console.print(table)
    for name, why in found["not_rebuilt"].items():
        console.print(f"non reconstruit · not rebuilt: {name} – {why}")
    letters = found["dead_letters"]
    if any(letters.values()):
        console.print(
            f"De côté : {letters['live']} en service, {letters['rebuilt']} au rejeu ; une différence peut en venir"
            " · set aside: a difference may come from it"
        )
    for topic, count in found["records_gone"].items():
        console.print(f"{topic} : {count} événements ont expiré · have expired")
    if found["live_is_behind"]:
        console.print(f"Le service a {found['live_is_behind']} événements de retard · the service is behind")
    if found["database"]:
        console.print(f"Base gardée · database kept: {found['database']}")
    first = found["first_difference"]
    console.print(VERDICTS[found["verdict"]].format(first, first))
    console.print(f"{found['records']} événements en {found['seconds']:.1f} s")
