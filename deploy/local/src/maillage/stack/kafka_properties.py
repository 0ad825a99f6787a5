"""The broker's configuration, as text.

Whoever reaches the PLAINTEXT listener is `User:ANONYMOUS`, a super user: it and the controller's listen on 127.0.0.1
only, and `require_loopback` refuses to write anything else. On the SASL listener nobody is anonymous: Kafka answers no
request there before SCRAM has succeeded, and the principal is the SCRAM user.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
ADMINISTRATOR = "admin"
MESSAGE_BYTES_MAX = 1_048_576
"""As `maillage_contracts.topics.MESSAGE_BYTES_MAX`; a topic may not exceed its broker."""

FIXED = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    "listener.security.protocol.map": "INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,PARTNERS:SASL_PLAINTEXT",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    # Without it the broker refuses to start; there is no client side here, so it holds no password.
    "listener.name.partners.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:ANONYMOUS;User:{ADMINISTRATOR}",
    "allow.everyone.if.no.acl.found": "false",
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(MESSAGE_BYTES_MAX),
    "socket.request.max.bytes": "16777216",
    # One broker: every replica is this one.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Few partitions: each costs start-up time after a crash.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    # Nobody else is coming: do not wait three seconds for more members.
    "group.initial.rebalance.delay.ms": "0",
    # After kill -9 the broker may come back only when its former session has ended: 10.5 s with Kafka's default of 9 s.
    # Shorter than this, a machine with both cores busy for a moment would fence its only broker.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # As long as the inbox remembers (45 days): a reader away that long must start over by the feed, not by offset.
    "offsets.retention.minutes": "64800",
    # A machine with two cores; the default cleaner buffer alone is 128 MiB of heap.
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "num.recovery.threads.per.data.dir": "2",
}
DURABLE = {
    # There is no second replica: written records reach the disk within a second, not when the kernel likes.
    "log.flush.interval.ms": "1000",
    "log.flush.scheduler.interval.ms": "1000",
}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the three listeners are."""

    internal: int
    controller: int
    partners: int


def require_loopback(host: str) -> str:
    """Return `host`, or raise ValueError where other machines could reach it."""
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError("the listener whose clients are super users must stay on loopback")
    return host


def render(data: Path, ports: Ports, *, durable: bool, host: str = HOST) -> str:
    """Return server.properties for a broker whose data are in `data`."""
    where = require_loopback(host)
    named = {"INTERNAL": ports.internal, "CONTROLLER": ports.controller, "PARTNERS": ports.partners}
    listeners = ",".join(f"{name}://{where}:{port}" for name, port in named.items())
    settings = {
        **FIXED,
        "listeners": listeners,
        "advertised.listeners": listeners,
        # With `format --standalone` there must be no controller.quorum.voters.
        "controller.quorum.bootstrap.servers": f"{where}:{ports.controller}",
        "log.dirs": _escape(str(data)),
        **(DURABLE if durable else {}),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _escape(value: str) -> str:
    # java.util.Properties reads a backslash as an escape, and the file as ISO-8859-1.
    return "".join(
        "\\\\" if sign == "\\" else sign if sign.isascii() else "".join(f"\\u{unit:04x}" for unit in _utf16(sign))
        for sign in value
    )


def _utf16(sign: str) -> list[int]:
    encoded = sign.encode("utf-16-be")
    return [int.from_bytes(encoded[index : index + 2], "big") for index in range(0, len(encoded), 2)]
