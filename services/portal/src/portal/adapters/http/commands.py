"""Commands and programs to copy, filled with an organisation's own names; they work as they are, in a POSIX shell.

A secret stands in the one command that keeps it in the environment, and only on the page that shows it once: on any
other page that command asks for it. It is on no command line, which every process of a machine could read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from portal.domain.joining import KafkaAccess, ProgramAccess

ENVIRONMENT = "maillage-python"
PROPERTIES_FILE = "maillage-kafka.properties"
AUTHORITY_FILE = "maillage-kafka-ca.pem"


@dataclass(frozen=True, slots=True)
class Command:
    """One block to copy; `name` chooses its words."""

    name: str
    text: str


def commands(access: ProgramAccess, package: str) -> Sequence[Command]:
    """Return what a newcomer copies, in order; `package` is where pip finds maillage-contracts."""
    found = [
        Command("keep", _keep(access)),
        Command("token", _token(access.token_url)),
        Command("feed", _feed(access.feed_url)),
        Command("install", _install(access, package)),
        Command("python", _python(access)),
    ]
    if access.kafka is not None:
        if access.kafka.certificate_authority:
            found.append(Command("authority", _authority(access.kafka)))
        found.append(Command("kafka", _kafka(access, access.kafka)))
        found.append(Command("properties", _properties(access, access.kafka)))
    return found


def _keep(access: ProgramAccess) -> str:
    secrets = {"MAILLAGE_CLIENT_SECRET": access.client_secret}
    if access.kafka is not None:
        secrets["MAILLAGE_KAFKA_PASSWORD"] = access.kafka.password
    # What is asked for comes last and on one line: a pasted line after it would be taken for the answer.
    asked = [f"printf '{name} : '; read -r {name}" for name, secret in secrets.items() if not secret]
    return "\n".join(
        [
            f"MAILLAGE_CLIENT_ID={quote(access.client_id)}",
            *(f"{name}={quote(secret)}" for name, secret in secrets.items() if secret),
            f"export MAILLAGE_CLIENT_ID {' '.join(secrets)}",
            *(["; ".join(asked)] if asked else []),
        ]
    )


def _token(token_url: str) -> str:
    return (
        "MAILLAGE_TOKEN=$(\n"
        """  printf 'user = "%s:%s"\\n' "$MAILLAGE_CLIENT_ID" "$MAILLAGE_CLIENT_SECRET" |\n"""
        "  curl --fail --silent --show-error --config - --data grant_type=client_credentials \\\n"
        f"    {quote(token_url)} |\n"
        """  sed 's/.*"access_token" *: *"\\([^"]*\\)".*/\\1/'\n"""
        ")"
    )


def _feed(feed_url: str) -> str:
    address = quote(f"{feed_url}?limit=10&wait=5")
    return (
        """printf 'header = "Authorization: Bearer %s"\\n' "$MAILLAGE_TOKEN" |\n"""
        f"curl --fail --silent --show-error --config - {address}"
    )


def _install(access: ProgramAccess, package: str) -> str:
    extras = "feed" if access.kafka is None else "feed,kafka"
    # In an environment of its own: many systems refuse to install beside their own packages.
    return (
        f"python3 -m venv {ENVIRONMENT}\n"
        f". {ENVIRONMENT}/bin/activate\n"
        f"pip install {quote(f'maillage-contracts[{extras}] @ {package}')}"
    )


def _python(access: ProgramAccess) -> str:
    base = access.feed_url.removesuffix("/feed")
    return f"""import os
from pathlib import Path

from maillage_contracts.feed import Feed

with Feed(
    {base!r},
    client_id={access.client_id!r},
    client_secret=os.environ["MAILLAGE_CLIENT_SECRET"],
    state=Path({f"maillage-{access.organisation_code}"!r}),
) as feed:
    for received in feed.until_now():
        print(received.sequence, received.id, received.type, flush=True)"""


def _authority(kafka: KafkaAccess) -> str:
    return f"cat > {AUTHORITY_FILE} <<'FIN'\n{kafka.certificate_authority.strip()}\nFIN"


def _kafka(access: ProgramAccess, kafka: KafkaAccess) -> str:
    code = access.organisation_code
    how = f', protocol="{kafka.protocol}"' if kafka.protocol != "SASL_SSL" else ""
    if kafka.certificate_authority:
        how += f', ca_file="{AUTHORITY_FILE}"'
    return f"""import os

from maillage_contracts.kafka import PartnerTopic, consumer_settings

settings = consumer_settings({kafka.bootstrap!r}, {code!r}, os.environ["MAILLAGE_KAFKA_PASSWORD"]{how})
with PartnerTopic({code!r}, settings) as topic:
    for received in topic:
        print(received.offset, received.id, received.type, flush=True)"""


def _properties(access: ProgramAccess, kafka: KafkaAccess) -> str:
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    settings = {
        "bootstrap.servers": kafka.bootstrap,
        "security.protocol": kafka.protocol,
        "sasl.mechanism": "SCRAM-SHA-512",
        # Within a here-document the shell puts the password in its place; it is on no command line.
        "sasl.jaas.config": f'{login} username="{kafka.username}" password="$MAILLAGE_KAFKA_PASSWORD";',
        "group.id": f"partner-{access.organisation_code}-java",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",
    }
    if kafka.certificate_authority:
        settings |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": AUTHORITY_FILE}
    lines = "\n".join(f"{name}={value}" for name, value in settings.items())
    return f"(umask 077; cat > {PROPERTIES_FILE} <<FIN\n{lines}\nFIN\n)"
