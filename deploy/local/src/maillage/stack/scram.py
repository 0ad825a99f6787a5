"""A user of the broker's SCRAM listeners, made through a listener that asks for no password."""

from __future__ import annotations

import os

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from maillage.stack.errors import StackError

ITERATIONS = 8192
"""Twice Kafka's least; a password of 256 random bits needs no more."""
SALT_BYTES = 32
REQUEST_SECONDS = 20.0


def ensure_user(bootstrap: str, user: str, password: str) -> None:
    """Make the user, or give it this password again; returns once the cluster has taken it."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    credential = UserScramCredentialUpsertion(
        user,
        ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS),
        password.encode(),
        os.urandom(SALT_BYTES),
    )
    try:
        for future in admin.alter_user_scram_credentials([credential], request_timeout=REQUEST_SECONDS).values():
            future.result(REQUEST_SECONDS)
    except (KafkaException, TimeoutError) as error:
        raise StackError(
            f"L'utilisateur Kafka {user} n'a pas pu être créé ({type(error).__name__}) · the user could not be made",
            "vérifiez que le broker répond et que ce compte administre les utilisateurs"
            " · check that the broker answers and that this account may administer users",
        ) from None
