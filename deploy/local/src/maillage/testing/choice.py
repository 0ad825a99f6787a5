"""Which servers the tests run on: embedded ones, containers, or servers that somebody else keeps.

`MAILLAGE_TEST_STACK` chooses. Nothing here imports what containers need: tests that do not ask for them do without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maillage.errors import Refusal

if TYPE_CHECKING:
    from pathlib import Path

    from maillage.testing.servers import KafkaServer, PostgresServer

STACK = "MAILLAGE_TEST_STACK"
POSTGRES = "MAILLAGE_TEST_POSTGRES_DSN"
KAFKA = "MAILLAGE_TEST_KAFKA_BOOTSTRAP"
KAFKA_PARTNERS = "MAILLAGE_TEST_KAFKA_PARTNER_BOOTSTRAP"
EMBEDDED, CONTAINERS, EXTERNAL = STACKS = ("embedded", "containers", "external")


@dataclass(frozen=True, slots=True)
class Choice:
    """Where each server comes from; the addresses are those of servers that are not ours."""

    postgres: str = EMBEDDED
    kafka: str = EMBEDDED
    postgres_dsn: str = ""
    kafka_bootstrap: str = ""
    kafka_partner_bootstrap: str = ""

    @property
    def in_containers(self) -> bool:
        """Whether a Docker engine is needed."""
        return CONTAINERS in (self.postgres, self.kafka)

    def __str__(self) -> str:
        if self.postgres == self.kafka:
            return self.postgres
        return f"PostgreSQL {self.postgres}, Kafka {self.kafka}"


def choose(environment: Mapping[str, str]) -> Choice:
    """Return what the environment asks for; raise Refusal where it is unknown, incomplete or contradicts itself.

    Without MAILLAGE_TEST_STACK a server is external when the environment gives its address, and embedded otherwise.
    """
    stack = environment.get(STACK, "").strip()
    dsn, bootstrap = environment.get(POSTGRES, "").strip(), environment.get(KAFKA, "").strip()
    given = [name for name, address in ((POSTGRES, dsn), (KAFKA, bootstrap)) if address]
    if stack not in ("", *STACKS):
        raise Refusal(
            f"{STACK}={stack} est inconnu : choisissez {', '.join(STACKS)} · it is none of {', '.join(STACKS)}"
        )
    if stack in (EMBEDDED, CONTAINERS) and given:
        raise Refusal(
            f"{STACK}={stack} contredit {' et '.join(given)} : enlevez l'un ou l'autre"
            f" · {STACK}={stack} contradicts {' and '.join(given)}: remove one of them"
        )
    if stack == EXTERNAL and len(given) < 2:
        missing = [name for name in (POSTGRES, KAFKA) if name not in given]
        raise Refusal(
            f"{STACK}={EXTERNAL} a besoin de {' et '.join(missing)} · {STACK}={EXTERNAL} needs {' and '.join(missing)}"
        )
    partners = environment.get(KAFKA_PARTNERS, "").strip()
    if partners and not bootstrap:
        raise Refusal(f"{KAFKA_PARTNERS} ne sert à rien sans {KAFKA} · it is of no use without {KAFKA}")
    if stack == CONTAINERS:
        return Choice(CONTAINERS, CONTAINERS)
    return Choice(EXTERNAL if dsn else EMBEDDED, EXTERNAL if bootstrap else EMBEDDED, dsn, bootstrap, partners)


def postgres_of(choice: Choice, folder: Path) -> PostgresServer:
    """Return the PostgreSQL of a session, started unless it is external."""
    from maillage.testing import servers

    if choice.postgres == EXTERNAL:
        return servers.external_postgres(choice.postgres_dsn)
    return own_postgres(choice, folder, durable=False)


def own_postgres(choice: Choice, folder: Path, *, durable: bool) -> PostgresServer:
    """Start a PostgreSQL that may be stopped and killed: in a container when those were chosen, else embedded.

    One in a container is always durable.
    """
    if choice.postgres == CONTAINERS:
        from maillage.testing.containers import start_postgres

        return start_postgres()
    from maillage.testing import servers

    return servers.start_postgres(folder, durable=durable)


def kafka_of(choice: Choice, folder: Path) -> KafkaServer:
    """Return the Kafka of a session, started unless it is external."""
    from maillage.testing import servers

    if choice.kafka == EXTERNAL:
        return servers.external_kafka(choice.kafka_bootstrap, choice.kafka_partner_bootstrap)
    if choice.kafka == CONTAINERS:
        from maillage.testing.kafka_containers import start_kafka

        return start_kafka()
    return servers.start_kafka(folder)
