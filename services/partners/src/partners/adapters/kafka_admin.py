"""Topics, users and rights on the broker, through librdkafka's administration client.

Everything here can be repeated: what exists is left as it is. A user can read its own topic and use groups of its own
prefix, and nothing else, because nothing else is granted and the broker denies what is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from confluent_kafka.cimpl import NewTopic

from chassis.errors import DependencyDown
from chassis.settings import ServiceSettings, read_secret
from maillage_contracts import PARTNER_TOPIC
from partners.adapters.kafka_login import verify_login

CALL_SECONDS = 10.0
SCRAM_ITERATIONS = 8192
"""Twice Kafka's least; a password of 256 random bits needs no more."""

SALT_BYTES = 32
ANY_HOST: Final = "*"
ANYTHING: Any = None
"""In a filter, any name or host; the client's annotations do not know it."""


class ConfluentCluster:
    """Implements KafkaCluster."""

    def __init__(self, settings: ServiceSettings, partner_bootstrap: str) -> None:
        self._partner_bootstrap = partner_bootstrap
        self._configuration = _configuration(settings)
        self._replication = settings.kafka_replication
        self._client: AdminClient | None = None

    async def ensure_topic(self, topic: str) -> None:
        wanted = NewTopic(
            topic,
            num_partitions=PARTNER_TOPIC.partitions,
            replication_factor=self._replication,
            config=PARTNER_TOPIC.config,
        )
        futures = self._admin().create_topics([wanted], operation_timeout=CALL_SECONDS, request_timeout=CALL_SECONDS)
        await _done(futures, tolerated=KafkaError.TOPIC_ALREADY_EXISTS)

    async def grant(self, user: str, password: str, *, topic: str, group_prefix: str) -> None:
        rules = [
            _rule(user, ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, AclOperation.READ),
            _rule(user, ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, AclOperation.DESCRIBE),
            _rule(user, ResourceType.GROUP, group_prefix, ResourcePatternType.PREFIXED, AclOperation.READ),
        ]
        await _done(self._admin().create_acls(rules, request_timeout=CALL_SECONDS))
        credential = UserScramCredentialUpsertion(
            user,
            ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS),
            password.encode(),
            os.urandom(SALT_BYTES),
        )
        await self._alter(credential)

    async def verify(self, user: str, password: str, *, topic: str) -> None:
        await verify_login(self._partner_bootstrap, user, password, topic)

    async def revoke(self, user: str) -> None:
        everything = AclBindingFilter(
            ResourceType.ANY,
            ANYTHING,
            ResourcePatternType.ANY,
            f"User:{user}",
            ANYTHING,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        await _done(self._admin().delete_acls([everything], request_timeout=CALL_SECONDS))
        await self._alter(UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512))

    async def _alter(self, change: UserScramCredentialAlteration) -> None:
        futures = self._admin().alter_user_scram_credentials([change], request_timeout=CALL_SECONDS)
        await _done(futures, tolerated=KafkaError.RESOURCE_NOT_FOUND)

    def _admin(self) -> AdminClient:
        if self._client is None:
            self._client = AdminClient(self._configuration)
        return self._client


def _rule(user: str, kind: Any, name: str, pattern: Any, operation: Any) -> AclBinding:
    return AclBinding(kind, name, pattern, f"User:{user}", ANY_HOST, operation, AclPermissionType.ALLOW)


async def _done(futures: dict[Any, Future[Any]], *, tolerated: int | None = None) -> None:
    """Wait for every answer; what the broker says already holds is not an error."""
    for future in futures.values():
        try:
            await _answer(future)
        except KafkaException as error:
            fault: KafkaError = error.args[0]
            if fault.code() != tolerated:
                raise DependencyDown(f"Kafka's administration refused or is away ({fault.name()})") from None
        except TimeoutError:
            raise DependencyDown("Kafka's administration does not answer") from None


async def _answer(future: Future[Any]) -> None:
    """Wait on librdkafka's own thread without one of ours, which would delay the end of the process."""
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()

    def wake(_: Future[Any]) -> None:
        # The loop may have ended meanwhile: nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(answered.set)

    future.add_done_callback(wake)
    async with asyncio.timeout(CALL_SECONDS + 5):
        await answered.wait()
    future.result(0)


def _configuration(settings: ServiceSettings) -> dict[str, str | int | float | bool]:
    configuration: dict[str, str | int | float | bool] = {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": f"partners-admin-{settings.instance}",
        # librdkafka prints on stderr what it would log; its failures reach us as answers.
        "log_level": 0,
    }
    if settings.kafka_security_protocol != "PLAINTEXT":
        configuration |= {
            "security.protocol": settings.kafka_security_protocol,
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": settings.kafka_username,
            "sasl.password": read_secret(settings.kafka_password_file, "MAILLAGE_KAFKA_PASSWORD_FILE"),
        }
    if settings.kafka_ca_file is not None:
        configuration["ssl.ca.location"] = str(settings.kafka_ca_file)
    return configuration
