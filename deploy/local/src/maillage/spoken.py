"""Commands as a person types them where Maillage runs: remedies are written for one machine and said for that place.

In compose the parts are containers and this command is one too; on a site logs are where the site keeps them.
"""

from __future__ import annotations

import re

from maillage.settings import LocalSettings

MIGRATE = "lancez les migrations de cette version"
MAKE_TOPICS = "maillage up les crée ; ailleurs, créez-les avant les services"
RESTART_BROKER = "relancez le broker qui manque"
KAFKA_SILENT = "maillage status ; maillage logs kafka"
POSTGRES_SILENT = "maillage logs postgres ; vérifiez son adresse et son compte"

# `restart` takes a container as it is: `up` would replace one of a version that its caller does not name.
IN_COMPOSE = (
    (re.compile(re.escape(MIGRATE)), "docker compose restart databases ; docker compose logs databases"),
    (re.compile(re.escape(MAKE_TOPICS)), "docker compose restart topics ; docker compose logs topics"),
    (
        re.compile(re.escape(RESTART_BROKER)),
        "docker compose ps --all ; docker compose restart kafka-2 (celui qui manque)",
    ),
    (re.compile(re.escape(KAFKA_SILENT)), "docker compose restart kafka ; docker compose logs kafka"),
    (re.compile(re.escape(POSTGRES_SILENT)), "docker compose restart postgres ; docker compose logs postgres"),
    (re.compile(r"\bmaillage logs\b"), "docker compose logs"),
    (re.compile(r"\bmaillage up\b"), "docker compose up --detach"),
    (re.compile(r"\bmaillage replay\b"), "docker compose run --rm replay"),
    (
        re.compile(r"\bmaillage (doctor|status|topics|trace|dead-letters|territory)\b"),
        r"docker compose run --rm operator \1",
    ),
)
ON_A_SITE = ((re.compile(r"\bmaillage logs (\w+)"), r"le journal de \1 · the log of \1"),)


def said(settings: LocalSettings, remedy: str) -> str:
    """Return a remedy with the commands of where Maillage runs."""
    rules = IN_COMPOSE if settings.run_by == "compose" else ON_A_SITE if settings.elsewhere else ()
    for pattern, command in rules:
        remedy = pattern.sub(command, remedy)
    return remedy
