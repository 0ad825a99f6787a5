"""The servers that the bench measures on: those that the environment names, or embedded ones as `make run` has them.

Unlike the servers of tests these are durable: PostgreSQL with fsync and synchronous commit, Kafka flushing each second.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from maillage.stack.kafka import Kafka, KafkaConfig
from maillage.stack.postgres import Postgres, PostgresConfig
from maillage.testing.servers import (
    KafkaServer,
    PostgresServer,
    ServerProcess,
    external_kafka,
    external_postgres,
    free_ports,
    new_folder,
    stopped_on_error,
)


@dataclass(frozen=True, slots=True)
class Servers:
    """What runs, and a folder for what the run leaves."""

    postgres: PostgresServer
    kafka: KafkaServer
    folder: Path


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Start what the environment does not name; stop it and forget its data at the end."""
    with ExitStack() as stack:
        folder = new_folder()
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres, kafka = _postgres(folder), None
        if postgres.process is not None:
            stack.callback(postgres.process.stop)
        kafka = _kafka(folder)
        if kafka.process is not None:
            stack.callback(kafka.process.stop)
        yield Servers(postgres, kafka, folder)


def _postgres(folder: Path) -> PostgresServer:
    if dsn := os.environ.get("MAILLAGE_TEST_POSTGRES_DSN", ""):
        return external_postgres(dsn)
    config = PostgresConfig(folder / "postgres", folder / "postgres.log", free_ports(1)[0])
    server = Postgres(config)
    process = ServerProcess(server)
    with stopped_on_error(process):
        version = process.start()
        return PostgresServer(server.admin_dsn, version, process, config.log_file)


def _kafka(folder: Path) -> KafkaServer:
    if bootstrap := os.environ.get("MAILLAGE_TEST_KAFKA_BOOTSTRAP", ""):
        return external_kafka(bootstrap, os.environ.get("MAILLAGE_TEST_KAFKA_PARTNER_BOOTSTRAP", ""))
    internal, controller, partners = free_ports(3)
    config = KafkaConfig(folder / "kafka", folder / "kafka.log", internal, controller, partners)
    server = Kafka(config)
    process = ServerProcess(server)
    with stopped_on_error(process):
        version = process.start()
        return KafkaServer(server.bootstrap, server.partner_bootstrap, version, process, config.log_file)
