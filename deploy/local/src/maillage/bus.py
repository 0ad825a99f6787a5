"""How the command itself talks to Kafka's administration: the embedded broker or the one that settings name."""

from __future__ import annotations

from maillage.errors import Refusal
from maillage.settings import LocalSettings


def bootstrap_of(settings: LocalSettings) -> str:
    """Return where the broker answers us."""
    return settings.kafka_bootstrap or f"127.0.0.1:{settings.kafka_port}"


def client_config(settings: LocalSettings) -> dict[str, str]:
    """Return librdkafka's settings for this run's broker; refuse when the password's file cannot be read."""
    config = {"bootstrap.servers": bootstrap_of(settings), "security.protocol": settings.kafka_security_protocol}
    if settings.kafka_username:
        config |= {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": settings.kafka_username}
    if settings.kafka_password_file is not None:
        try:
            config["sasl.password"] = settings.kafka_password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Refusal(
                f"Le fichier {settings.kafka_password_file} ne peut pas être lu ({error.strerror}) · cannot be read",
                "vérifiez MAILLAGE_KAFKA_PASSWORD_FILE",
            ) from None
    if settings.kafka_ca_file is not None:
        config["ssl.ca.location"] = str(settings.kafka_ca_file)
    return config
