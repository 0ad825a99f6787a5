"""Dead letters, shown to a person: numbers, causes and dates, never what an event holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from maillage.tables import console_of_this_run

STATES = {"dead": "[red]en cause · at fault[/]", "held": "attend · waits"}


def show_letters(services: list[dict[str, Any]]) -> None:
    """Show a page of each service."""
    console = console_of_this_run()
    table = Table("service", "numéro", "état", "groupe", "type", "cause", "essais", "depuis", box=None, pad_edge=False)
    for one in services:
        for item in one["items"]:
            table.add_row(
                one["service"], str(item["id"]), STATES[item["state"]], item["group"], _short(item["type"]),
                escape(item["cause"]), str(item["attempts"]), _date(item["created_at"]),
            )  # fmt: skip
    _table_or_nothing(console, table, services)
    for one in services:
        if one.get("cursor"):
            console.print(f"{one['service']} : il y en a d'autres · there are more: --after {one['cursor']}")
    _show_errors(console, services)


def show_causes(services: list[dict[str, Any]]) -> None:
    """Show the causes of each service."""
    console = console_of_this_run()
    table = Table(
        "service", "groupe", "clés", "derrière", "type", "cause", "premier", "depuis", box=None, pad_edge=False
    )
    for one in services:
        for item in one["items"]:
            table.add_row(
                one["service"], item["group"], str(item["keys"]), str(item["held"]), _short(item["type"]),
                escape(item["cause"]), str(item["first_id"]), _date(item["first_at"]),
            )  # fmt: skip
    _table_or_nothing(console, table, services)
    for one in services:
        if one.get("more"):
            console.print(f"{one['service']} : seules les causes les plus fréquentes · only the most frequent causes")
    _show_errors(console, services)


def show_letter(letter: dict[str, Any], path: Path | None) -> None:
    """Show one letter."""
    console = console_of_this_run()
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    for label, text in (
        ("service, numéro", f"{letter['service']} {letter['id']}"),
        ("état", STATES[letter["state"]]),
        ("cause", f"{escape(letter['cause'])} (groupe {letter['group']})"),
        ("lu dans", f"{letter['topic']} partition {letter['partition']} position {letter['offset']}"),
        ("événement", f"{letter['event_id'] or '–'} {letter['type'] or ''}"),
        ("clé", letter["key"] or ("–" if letter["key_bytes"] is None else f"{letter['key_bytes']} octets")),
        ("contenu", "–" if letter["value_bytes"] is None else f"{letter['value_bytes']} octets"),
        ("essais, depuis", f"{letter['attempts']}, {_date(letter['created_at'])}"),
        ("trace", letter["trace_id"] or "–"),
        ("derrière", str(letter["behind"])),
    ):
        table.add_row(label, text)
    if letter["first_of_key"] != letter["id"]:
        table.add_row("attend", f"{letter['service']} {letter['first_of_key']} · waits for it")
    for act in letter["acts"]:
        table.add_row(act["act"], f"{_date(act['at'])} {escape(act['who'])} : {escape(act['why'])}")
    console.print(table)
    if path is not None:
        console.print(f"{letter['written_bytes']} octets dans {path} ; effacez-le ensuite · erase it afterwards")


def tell_page(whole: dict[str, Any]) -> None:
    """Say how far a long work is."""
    console_of_this_run().print(
        f"  {whole['keys']} clés, {whole['handled']} événements traités, {whole['failed']} encore de côté"
        " · keys, handled, still set aside"
    )


def show_outcome(service: str, outcome: dict[str, Any]) -> None:
    """Say what became of letters that were handled again."""
    console = console_of_this_run()
    for one in outcome["stopped"]:
        console.print(f"  {service} {one['letter_id']} : {escape(one['cause'])}")
    if outcome["waits_for"] is not None:
        console.print(f"Arrêté, car ne répond pas · stopped, does not answer: {outcome['waits_for']}")
    said = "seraient traités, {} resteraient de côté · would be handled, {} would stay"
    if not outcome["dry_run"]:
        said = "traités, {} encore de côté · handled, {} still set aside"
    failed = outcome["failed"]
    console.print(f"{outcome['handled']} événements " + said.format(failed, failed))


def _table_or_nothing(console: Any, table: Table, services: list[dict[str, Any]]) -> None:
    if table.row_count:
        console.print(table)
    elif any("error" in one for one in services):
        console.print(
            "Rien de côté chez ceux qui ont répondu ; on ne sait rien des autres"
            " · nothing set aside where a service answered; nothing is known of the others"
        )
    else:
        console.print("Rien n'est de côté · nothing is set aside")


def _show_errors(console: Any, services: list[dict[str, Any]]) -> None:
    silent = [one for one in services if "error" in one]
    for one in silent:
        console.print(f"[red]{one['service']}[/] : {escape(one['error'])}")
    # Most often one outage: its remedy is told once, after all that it hides.
    for remedy in dict.fromkeys(one["remedy"] for one in silent if one.get("remedy")):
        console.print(f"  → {escape(remedy)}")


def _short(ce_type: str | None) -> str:
    return (ce_type or "–").removeprefix("fr.maillage.")


def _date(text: str) -> str:
    return text[:16].replace("T", " ")
