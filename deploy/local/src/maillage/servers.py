"""PostgreSQL and Kafka as a run needs them: the embedded ones, or those that settings name."""

from __future__ import annotations

import asyncio

from maillage.bus import client_config
from maillage.concurrency import in_daemon_thread
from maillage.errors import Refusal
from maillage.progress import Progress
from maillage.settings import LocalSettings
from maillage.stack.kafka import Kafka, KafkaConfig
from maillage.stack.postgres import Postgres, PostgresConfig
from maillage.stack.topics import ensure_topics
from maillage.status_file import PartStatus
from maillage.supervisor import Part, Supervisor
from maillage_contracts import TOPICS

POSTGRES_READY_SECONDS = 60.0
"""Recovery from the write-ahead log after a crash comes before the first answer."""
KAFKA_READY_SECONDS = 90.0
"""1.8-3.2 s on an idle machine; log recovery after a crash on a slow disk takes longer."""

REACH_SECONDS = 5.0
"""For a TCP connection to a broker elsewhere."""


class PostgresServer:
    """The database server of this run."""

    def __init__(self, settings: LocalSettings, supervisor: Supervisor, progress: Progress) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._progress = progress

    async def start(self) -> str:
        """Return the administrator's DSN of a server that answers."""
        settings = self._settings
        if settings.postgres_dsn is not None:
            self._supervisor.announce_external(PartStatus("postgres", "server", "external", "", ""))
            self._progress.step("PostgreSQL : celui de MAILLAGE_POSTGRES_DSN · the server that the setting names")
            return settings.postgres_dsn.get_secret_value()
        server = Postgres(
            PostgresConfig(
                directory=settings.data_dir / "postgres",
                log_file=settings.logs_dir / "postgres.log",
                port=settings.postgres_port,
            )
        )
        await in_daemon_thread(lambda: server.prepare(self._progress.step))
        part = Part(
            server.command(),
            "server",
            "PostgreSQL",
            f"postgresql://127.0.0.1:{settings.postgres_port}",
            server.wait_ready,
            server.diagnose,
            POSTGRES_READY_SECONDS,
        )
        version = await self._supervisor.start(part)
        self._progress.step(f"PostgreSQL {version} prêt, port {settings.postgres_port} · ready")
        return server.admin_dsn


class KafkaServer:
    """The broker of this run."""

    def __init__(self, settings: LocalSettings, supervisor: Supervisor, progress: Progress) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._progress = progress
        self.bootstrap = settings.kafka_bootstrap
        # A site's own way to its broker is no partner's: there, who names no listener for them has none.
        own = "" if settings.stack == "site" else settings.kafka_bootstrap
        self.partner_bootstrap = settings.kafka_partner_bootstrap or own

    async def start(self) -> None:
        """Return once a broker answers."""
        settings = self._settings
        if settings.kafka_bootstrap:
            await _reach(settings.kafka_bootstrap)
            url = f"kafka://{settings.kafka_bootstrap}"
            self._supervisor.announce_external(PartStatus("kafka", "server", "external", url, ""))
            self._progress.step(f"Kafka : {settings.kafka_bootstrap} · the broker that the setting names")
            return
        server = Kafka(
            KafkaConfig(
                directory=settings.data_dir / "kafka",
                log_file=settings.logs_dir / "kafka.log",
                port=settings.kafka_port,
                controller_port=settings.kafka_controller_port,
                partner_port=settings.kafka_partner_port,
            )
        )
        await in_daemon_thread(lambda: server.prepare(self._progress.step))
        self.bootstrap = server.bootstrap
        self.partner_bootstrap = settings.kafka_partner_bootstrap or server.partner_bootstrap
        part = Part(
            server.command(),
            "server",
            "Kafka",
            f"kafka://{server.bootstrap}",
            server.wait_ready,
            server.diagnose,
            KAFKA_READY_SECONDS,
        )
        version = await self._supervisor.start(part)
        self._progress.step(f"Kafka {version} prêt, port {settings.kafka_port} · ready")

    async def ensure_topics(self) -> int:
        """Create the topics of the contracts' table that do not exist; return how many the table has."""
        client, replication = client_config(self._settings), self._settings.kafka_replication
        # Apart from our loop, whose end would wait for a broker that does not answer.
        report = await in_daemon_thread(
            lambda: asyncio.run(ensure_topics(self.bootstrap, client=client, replication=replication))
        )
        for sentence in report.drift:
            self._progress.step(sentence)
        return len(TOPICS)


async def _reach(bootstrap: str) -> None:
    """Refuse when none of the brokers accepts a connection: a client would only say so after its whole patience."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host.strip("[]"), int(port)), REACH_SECONDS)
        except (OSError, TimeoutError, ValueError):
            continue
        writer.close()
        return
    raise Refusal(
        f"Kafka ne répond pas sur {bootstrap} · Kafka does not answer there",
        "vérifiez MAILLAGE_KAFKA_BOOTSTRAP (hôte:port, séparés par des virgules), ou retirez-le pour le Kafka intégré",
    )
