"""Topics, users and rights on the broker, through librdkafka's administration client.

Everything here can be repeated: what exists is left as it is. A user can read its own topic and use groups of its own
prefix, and nothing else, because nothing else is granted and the broker denies what is not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from confluent_kafka.cimpl import NewTopic

from chassis.settings import ServiceSettings
from maillage_contracts import PARTNER_TOPIC
from partners.adapters.kafka_calls import CALL_SECONDS, Administration, answers
from partners.adapters.kafka_login import verify_login
from partners.adapters.partner_listener import PartnerListener
from partners.domain.kafka_access import USER_PREFIX
from partners.domain.kafka_drift import Found, FoundTopic, Right

SCRAM_ITERATIONS = 8192
"""Twice Kafka's least; a password of 256 random bits needs no more."""

SALT_BYTES = 32
ANYTHING: Any = None
"""In a filter, any name or host; the client's annotations do not know it."""

PRINCIPAL: Final = "User:"
BATCH: Final = 100
"""Topics, rights or users in one call: an answer becomes Python objects in one go, while nothing else runs."""

T = TypeVar("T")


class ConfluentCluster:
    """Implements KafkaCluster and KafkaInventory."""

    def __init__(self, settings: ServiceSettings, listener: PartnerListener) -> None:
        self._listener = listener
        self._administration = Administration(settings)
        self._replication = settings.kafka_replication

    async def has_topic(self, topic: str) -> bool:
        return bool(await self._partitions([topic]))

    async def ensure_topic(self, topic: str) -> None:
        wanted = NewTopic(
            topic,
            num_partitions=PARTNER_TOPIC.partitions,
            replication_factor=self._replication,
            config=PARTNER_TOPIC.config,
        )
        futures = self._admin().create_topics([wanted], operation_timeout=CALL_SECONDS, request_timeout=CALL_SECONDS)
        await answers(futures, tolerated=KafkaError.TOPIC_ALREADY_EXISTS)

    async def allow(self, rights: Sequence[Right]) -> None:
        for some in _batches(rights):
            await answers(self._admin().create_acls([_rule(one) for one in some], request_timeout=CALL_SECONDS))

    async def set_password(self, user: str, password: str) -> None:
        credential = UserScramCredentialUpsertion(
            user,
            ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS),
            password.encode(),
            os.urandom(SALT_BYTES),
        )
        await self._alter([credential])

    async def verify(self, user: str, password: str, *, topic: str) -> None:
        await verify_login(self._listener, user, password, topic)

    async def revoke(self, user: str) -> None:
        everything = _anything_of(f"{PRINCIPAL}{user}")
        await answers(self._admin().delete_acls([everything], request_timeout=CALL_SECONDS))
        await self._alter([UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)])

    async def found(self, topics: Sequence[str]) -> Found:
        partitions: dict[str, int] = {}
        configs: dict[str, Mapping[str, str]] = {}
        for some in _batches(topics):
            present = await self._partitions(some)
            partitions |= present
            configs |= await self._configs(list(present))
        # Typed for being asked about some users, too; about all it gives one answer.
        asked: Any = self._admin().describe_user_scram_credentials(request_timeout=CALL_SECONDS)
        rules = self._admin().describe_acls(_anything_of(ANYTHING), request_timeout=CALL_SECONDS)
        told = await answers({"users": asked, "rules": rules})
        return Found(
            {name: FoundTopic(count, configs.get(name, {})) for name, count in partitions.items()},
            {
                name: frozenset(_text_of(info.mechanism) for info in described.scram_credential_infos)
                for name, described in told["users"].items()
                if name.startswith(USER_PREFIX)
            },
            frozenset(_right(rule) for rule in told["rules"] if rule.principal.startswith(f"{PRINCIPAL}{USER_PREFIX}")),
        )

    async def forbid(self, rights: Sequence[Right]) -> None:
        for some in _batches(rights):
            filters = [AclBindingFilter(*_words(one)) for one in some]
            await answers(self._admin().delete_acls(filters, request_timeout=CALL_SECONDS))

    async def forget_logins(self, logins: Sequence[tuple[str, str]]) -> None:
        for mechanism in sorted({name for _, name in logins}):
            # One call may name a user once.
            users = [user for user, name in logins if name == mechanism]
            for some in _batches(users):
                kind = ScramMechanism[mechanism.replace("-", "_")]
                await self._alter([UserScramCredentialDeletion(user, kind) for user in some])

    async def configure(self, topics: Sequence[str], config: Mapping[str, str]) -> None:
        for some in _batches(topics):
            changes = [
                ConfigEntry(name, text, incremental_operation=AlterConfigOpType.SET) for name, text in config.items()
            ]
            resources = [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=changes) for topic in some]
            await answers(self._admin().incremental_alter_configs(resources, request_timeout=CALL_SECONDS))

    async def _partitions(self, topics: Sequence[str]) -> dict[str, int]:
        futures = self._admin().describe_topics(TopicCollection(list(topics)), request_timeout=CALL_SECONDS)
        found = await answers(futures, tolerated=KafkaError.UNKNOWN_TOPIC_OR_PART)
        return {name: len(described.partitions) for name, described in found.items()}

    async def _configs(self, topics: Sequence[str]) -> dict[str, Mapping[str, str]]:
        resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
        if not resources:
            return {}
        futures = self._admin().describe_configs(resources, request_timeout=CALL_SECONDS)
        # A topic that went away since a moment is missing at the next look.
        found = await answers(futures, tolerated=KafkaError.UNKNOWN_TOPIC_OR_PART)
        return {
            resource.name: {name: str(entry.value) for name, entry in entries.items()}
            for resource, entries in found.items()
        }

    async def _alter(self, changes: Sequence[UserScramCredentialAlteration]) -> None:
        futures = self._admin().alter_user_scram_credentials(list(changes), request_timeout=CALL_SECONDS)
        await answers(futures, tolerated=KafkaError.RESOURCE_NOT_FOUND)

    def _admin(self) -> AdminClient:
        return self._administration.client()


def _batches(several: Sequence[T]) -> Iterator[Sequence[T]]:
    return (several[start : start + BATCH] for start in range(0, len(several), BATCH))


def _anything_of(principal: Any) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType.ANY, ANYTHING, ResourcePatternType.ANY, principal, ANYTHING, AclOperation.ANY,
        AclPermissionType.ANY,
    )  # fmt: skip


def _words(right: Right) -> tuple[Any, ...]:
    return (
        ResourceType[right.resource.upper()],
        right.name,
        ResourcePatternType[right.pattern.upper()],
        f"{PRINCIPAL}{right.user}",
        right.host,
        AclOperation[right.operation.upper()],
        AclPermissionType[right.permission.upper()],
    )


def _rule(right: Right) -> AclBinding:
    return AclBinding(*_words(right))


def _right(rule: Any) -> Right:
    return Right(
        rule.principal.removeprefix(PRINCIPAL),
        rule.restype.name.lower(),
        rule.name,
        rule.resource_pattern_type.name.lower(),
        rule.operation.name.lower(),
        rule.permission_type.name.lower(),
        rule.host,
    )


def _text_of(mechanism: ScramMechanism) -> str:
    return mechanism.name.replace("_", "-")
