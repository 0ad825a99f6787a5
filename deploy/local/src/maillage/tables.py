"""Documents of the data commands, shown to a person; a word says what a colour says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from maillage.checks import Check

LEVELS = {"ok": "[green]ok[/]", "warn": "[yellow]attention[/]", "fail": "[red]à réparer[/]"}


def console_of_this_run() -> Console:
    """Return where tables are printed."""
    # Into a pipe or a file nothing may be cut at 80 columns.
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)


def show_status(document: dict[str, Any]) -> None:
    """Show every part, then the demonstration's organisations."""
    console = console_of_this_run()
    here = document["looked_at"] == "here"
    if not document["running"]:
        console.print("Maillage ne tourne pas · not running" if here else "Aucun service ne répond · none answers")
    parts = Table("partie", "état", "pid", "version", "adresse", box=None, pad_edge=False)
    for part in document["parts"]:
        state = "[green]prêt[/]" if part["ready"] else f"[red]{escape(part['reason'] or part['state'])}[/]"
        parts.add_row(part["name"], state, str(part["pid"] or "–"), part["version"], part["url"])
    console.print(parts)
    if here:
        console.print("Journaux · logs: maillage logs <partie>")
    if document.get("mail_url"):
        console.print(f"Courriels et SMS · mails and SMS: {document['mail_url']}")
    if document.get("traces_url"):
        console.print(f"Traces : {document['traces_url']}")
    organisations = document.get("demonstration", {}).get("organisations", [])
    if organisations:
        console.print("\nOrganisations de démonstration · demonstration (secrets : maillage status --json)")
        table = Table("code", "nom", "client API", "sujet Kafka", box=None, pad_edge=False)
        for one in organisations:
            api, kafka = one.get("api") or {}, one.get("kafka") or {}
            table.add_row(one["code"], one.get("name", ""), api.get("client_id", ""), kafka.get("topic", "–"))
        console.print(table)


def show_checks(checks: Iterable[Check]) -> None:
    """Show each check, its remedy below it when there is one."""
    console = console_of_this_run()
    table = Table("", "vérifié", "constat", box=None, pad_edge=False)
    for check in checks:
        remedy = f"\n→ {check.remedy}" if check.remedy else ""
        table.add_row(LEVELS[check.level], check.name, check.text + remedy)
    console.print(table)


def show_topics(document: dict[str, Any]) -> None:
    """Show each topic and how far its readers are behind."""
    console = console_of_this_run()
    table = Table(
        "sujet", "écrit par", "partitions", "événements", "taille", "lecteurs (retard)", box=None, pad_edge=False
    )
    for topic in document["topics"]:
        size = "–" if topic["bytes"] is None else f"{topic['bytes'] / 1024:.0f} kio"
        groups = "\n".join(f"{group['group']} ({group['lag']})" for group in topic["groups"]) or "–"
        table.add_row(
            topic["name"], topic["owner"] or "–", str(topic["partitions"]), str(topic["records"]), size, groups
        )
    console.print(table)
