"""An ordinary Kafka client of an organisation, and the broker's administration as an operator of the site has it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaConnectionError
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from chassis.testing.events import AT
from maillage_contracts import Event, ReferralReceived, ReferralSubmitted, Routing, encode, envelope_for

Rule: TypeAlias = tuple[str, str, str, str]
"""Resource, name, operation, permission."""

ANY: Any = None
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CALL_SECONDS = 20


def consumer(told: dict[str, Any], *topics: str, group: str | None = None, **other: Any) -> AIOKafkaConsumer:
    """An ordinary client, configured with what a council was told."""
    settings = {
        "bootstrap_servers": told["bootstrap"],
        "security_protocol": told["security_protocol"],
        "sasl_mechanism": told["mechanism"],
        "sasl_plain_username": told["username"],
        "sasl_plain_password": told["password"],
        "auto_offset_reset": "earliest",
        "group_id": group or f"{told['group_prefix']}reader",
        "enable_auto_commit": False,
    }
    return AIOKafkaConsumer(*(topics or (told["topic"],)), **{**settings, **other})


async def is_shut_out(told: dict[str, Any]) -> bool:
    """The broker's parts learn of a deleted user, or of a new password, one after another."""
    client = consumer(told)
    try:
        await client.start()
    except KafkaConnectionError:
        return True
    finally:
        await client.stop()
    return False


def header(record: ConsumerRecord[bytes, bytes], name: str) -> str:
    headers: dict[str, bytes] = dict(record.headers)
    return headers[name].decode()


async def send(bus: AIOKafkaProducer, event: Event, time: datetime = AT) -> UUID:
    event_id = uuid4()
    envelope = envelope_for(
        event, id=event_id, source="/referrals", time=time, correlation_id=uuid4(), traceparent=TRACE
    )
    record = encode(event, envelope)
    await bus.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))
    return event_id


async def refer(bus: AIOKafkaProducer, association: dict[str, Any], commune: str, time: datetime = AT) -> list[UUID]:
    routing = Routing(
        commune=commune,
        referrer_organisation_id=association["organisation_id"],
        receiver_organisation_id=uuid4(),
        sender_kind="association",
    )
    referral_id = uuid4()
    submitted = ReferralSubmitted(
        referral_id=referral_id,
        aggregate_version=1,
        routing=routing,
        themes=("numerique--acceder-a-une-connexion-internet",),
        submitted_at=AT,
    )
    received = ReferralReceived(referral_id=referral_id, aggregate_version=2, routing=routing, received_at=AT)
    return [await send(bus, submitted, time), await send(bus, received, time)]


async def ids_of(reader: AIOKafkaConsumer, count: int) -> list[str]:
    """Return the event ids of the next records."""
    return [header(record, "ce_id") for record in await records_of(reader, count)]


async def records_of(reader: AIOKafkaConsumer, count: int) -> list[ConsumerRecord[bytes, bytes]]:
    """Return the next records."""
    found: list[ConsumerRecord[bytes, bytes]] = []
    async with asyncio.timeout(CALL_SECONDS):
        while len(found) < count:
            for records in (await reader.getmany(timeout_ms=200)).values():
                found += records
    return found


class Broker:
    """What somebody can do who has the broker's own rights."""

    def __init__(self, bootstrap: str) -> None:
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    async def ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Return the only answer of a call."""
        answer = call(*arguments)
        future: Future[Any] = next(iter(answer.values())) if isinstance(answer, dict) else answer
        return await asyncio.to_thread(future.result, CALL_SECONDS)

    async def rules(self, user: str) -> set[Rule]:
        found = await self.ask(self.admin.describe_acls, _filter(user))
        return {(one.restype.name, one.name, one.operation.name, one.permission_type.name) for one in found}

    async def allow(self, user: str, kind: str, name: str, operation: str, permission: str = "ALLOW") -> None:
        rule = AclBinding(
            ResourceType[kind], name, ResourcePatternType.LITERAL, f"User:{user}", "*", AclOperation[operation],
            AclPermissionType[permission],
        )  # fmt: skip
        await self.ask(self.admin.create_acls, [rule])

    async def forbid(self, user: str, operation: AclOperation = AclOperation.ANY) -> None:
        await self.ask(self.admin.delete_acls, [_filter(user, operation)])

    async def users(self) -> set[tuple[str, str]]:
        found = await self.ask(self.admin.describe_user_scram_credentials)
        return {(name, info.mechanism.name) for name, one in found.items() for info in one.scram_credential_infos}

    async def add_user(self, user: str, mechanism: str = "SCRAM_SHA_512") -> None:
        info = ScramCredentialInfo(ScramMechanism[mechanism], 4096)
        change = UserScramCredentialUpsertion(user, info, b"of somebody else", os.urandom(16))
        await self.ask(self.admin.alter_user_scram_credentials, [change])

    async def remove_user(self, user: str) -> None:
        change = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)
        await self.ask(self.admin.alter_user_scram_credentials, [change])

    async def topic_id(self, topic: str) -> str | None:
        try:
            found = await self.ask(self.admin.describe_topics, TopicCollection([topic]))
        except KafkaException:
            return None
        return str(found.topic_id)

    async def setting(self, topic: str, name: str) -> str:
        found = await self.ask(self.admin.describe_configs, [ConfigResource(ResourceType.TOPIC, topic)])
        return str(found[name].value)

    async def set(self, topic: str, name: str, text: str) -> None:
        change = ConfigEntry(name, text, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
        await self.ask(self.admin.incremental_alter_configs, [resource])

    async def remove_topic(self, topic: str) -> None:
        await self.ask(self.admin.delete_topics, [topic])


def _filter(user: str, operation: AclOperation = AclOperation.ANY) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType.ANY, ANY, ResourcePatternType.ANY, f"User:{user}", ANY, operation, AclPermissionType.ANY
    )
