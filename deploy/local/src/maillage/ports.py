"""Whether the ports we are about to use are free, checked before anything starts."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from maillage.errors import Refusal
from maillage.settings import LocalSettings


@dataclass(frozen=True, slots=True)
class PortNeed:
    """A port, what for, and the setting that moves it."""

    port: int
    label: str
    setting: str
    host: str = "127.0.0.1"


def needed(settings: LocalSettings, services: tuple[str, ...]) -> list[PortNeed]:
    """Return every port this run will listen on."""
    needs = [
        PortNeed(settings.port_of(name), f"le service {name}", f"MAILLAGE_{name.upper()}_PORT", settings.http_host)
        for name in services
    ]
    if settings.has_desk:
        needs.append(PortNeed(settings.desk_port, "le guichet (courriels, SMS, traces)", "MAILLAGE_DESK_PORT"))
        if not settings.smtp_host:
            needs.append(PortNeed(settings.smtp_port, "les courriels (SMTP)", "MAILLAGE_SMTP_PORT"))
    if settings.postgres_dsn is None:
        needs.append(PortNeed(settings.postgres_port, "PostgreSQL", "MAILLAGE_POSTGRES_PORT"))
    if not settings.kafka_bootstrap:
        needs += [
            PortNeed(settings.kafka_port, "Kafka", "MAILLAGE_KAFKA_PORT"),
            PortNeed(settings.kafka_controller_port, "le contrôleur de Kafka", "MAILLAGE_KAFKA_CONTROLLER_PORT"),
            PortNeed(settings.kafka_partner_port, "Kafka pour les partenaires", "MAILLAGE_KAFKA_PARTNER_PORT"),
        ]
    return needs


def viewer(settings: LocalSettings) -> PortNeed:
    """Return the port of the trace viewer, whose being taken stops nothing."""
    return PortNeed(settings.zipkin_port, "Zipkin", "MAILLAGE_ZIPKIN_PORT")


def refuse_busy(needs: list[PortNeed]) -> None:
    """Refuse when a port is taken, or wanted twice, naming the setting that changes it."""
    seen: dict[int, PortNeed] = {}
    for need in needs:
        other = seen.setdefault(need.port, need)
        if other is not need:
            raise Refusal(
                f"Le port {need.port} est demandé deux fois : {other.label} et {need.label} · port asked for twice",
                f"changez {need.setting} ou {other.setting}",
            )
    for need in needs:
        problem = trouble_with(need)
        if problem:
            raise Refusal(
                f"Le port {need.port}, prévu pour {need.label}, {problem} · port {need.port} cannot be used",
                f"libérez-le ou choisissez-en un autre, par exemple : {need.setting}={free_port()} make run",
            )


def trouble_with(need: PortNeed) -> str:
    """Say why a port cannot be listened on, or nothing."""
    family = socket.AF_INET6 if ":" in need.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do: connections of an earlier run that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((need.host, need.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "est déjà pris par un autre programme"
            if error.errno == errno.EACCES:
                return "demande des droits d'administrateur"
            return f"ne peut pas être ouvert ({error.strerror})"
    return ""


def free_port() -> int:
    """Return a port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
