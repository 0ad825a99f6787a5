"""`maillage prepare …`: what `maillage up` does before the services start, one job each, where servers are elsewhere.

Every one can be repeated and changes nothing the second time.
"""

from __future__ import annotations

import asyncio

import typer

from maillage.errors import Refusal
from maillage.options import settings

app = typer.Typer(
    help="Préparer des serveurs qui sont ailleurs · prepare servers that are elsewhere.", no_args_is_help=True
)

KAFKA_USER = "maillage"
"""The services' user on the broker."""


@app.command(epilog="Exemple · example: maillage prepare secrets")
def secrets() -> None:
    """Créer les secrets qui manquent, un dossier par lecteur · make missing secrets, one folder a reader."""
    from maillage.secrets import Secrets
    from maillage.shares import distribute

    parent = distribute(Secrets(settings().secrets_dir))
    typer.echo(f"Secrets en place dans {parent}, un dossier par lecteur · secrets in place")


@app.command(epilog="Exemple · example: maillage prepare databases")
def databases() -> None:
    """Créer bases et rôles, appliquer les migrations · create databases and roles, apply migrations."""
    from maillage.databases import prepare
    from maillage.secrets import Secrets

    found = settings()
    if found.postgres_dsn is None:
        raise Refusal("MAILLAGE_POSTGRES_DSN manque · is missing", "nommez le serveur et un compte qui l'administre")
    done = asyncio.run(prepare(found.postgres_dsn.get_secret_value(), found, Secrets(found.secrets_dir)))
    typer.echo(f"{len(done.dsns)} bases à jour, {done.applied} migrations appliquées · databases up to date")


@app.command("kafka-user", epilog="Exemple · example: maillage prepare kafka-user")
def kafka_user() -> None:
    """Créer l'utilisateur des services sur le broker · make the services' user on the broker."""
    from maillage.secrets import Secrets
    from maillage.stack.scram import ensure_user

    found = settings()
    password = Secrets(found.secrets_dir).kafka_password_file().read_text(encoding="utf-8").strip()
    ensure_user(_bootstrap(), KAFKA_USER, password)
    typer.echo(f"Utilisateur Kafka {KAFKA_USER} en place · Kafka user in place")


@app.command(epilog="Exemple · example: maillage prepare topics")
def topics() -> None:
    """Créer les sujets qui manquent, dire ceux qui diffèrent · create missing topics, say which differ."""
    from maillage.bus import client_config
    from maillage.stack.topics import ensure_topics

    found = settings()
    report = asyncio.run(ensure_topics(_bootstrap(), client=client_config(found), replication=found.kafka_replication))
    for sentence in report.drift:
        typer.echo(sentence)
    typer.echo(f"Sujets Kafka en place, {len(report.created)} créés · topics in place")


def _bootstrap() -> str:
    bootstrap = settings().kafka_bootstrap
    if not bootstrap:
        raise Refusal("MAILLAGE_KAFKA_BOOTSTRAP manque · is missing", "nommez les brokers : hôte:port, …")
    return bootstrap
