"""Partners read from a broker that speaks TLS: told so, tried so, and nobody trusts another authority's certificate."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from chassis.errors import DependencyDown
from chassis.testing.kafka import create_contract_topics
from maillage.stack.kafka import KafkaConfig
from maillage.testing.servers import KafkaServer, ServerProcess, free_ports, stopped_on_error
from maillage_contracts.kafka import PartnerTopic, consumer_settings
from partners.adapters.kafka_login import verify_login
from partners.adapters.partner_listener import PartnerListener

from .kafka_client import consumer, ids_of, is_shut_out, refer
from .tls_broker import Authority, TlsKafka, write

pytestmark = pytest.mark.long
"""A second broker: 8 s on an idle machine."""


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.made("An authority of tests")


@pytest.fixture(scope="module")
def tls_broker(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker of this module: the session's speaks no TLS."""
    folder = tmp_path_factory.mktemp("tls")
    internal, controller, partners = free_ports(3)
    config = KafkaConfig(folder / "kafka", folder / "kafka.log", internal, controller, partners, durable=False)
    server = TlsKafka(config, authority)
    process = ServerProcess(server)
    with stopped_on_error(process):
        version = process.start()
        asyncio.run(create_contract_topics(server.bootstrap))
    yield KafkaServer(server.bootstrap, server.partner_bootstrap, version, process, config.log_file)
    process.close()


async def test_partner_reads_over_tls_what_it_is_told_and_nobody_trusts_another_authority(
    run_partners: Any, tls_broker: KafkaServer, authority: Authority, tmp_path: Path
) -> None:
    code = f"cd93{uuid4().hex[:8]}"
    settings = {
        "kafka_bootstrap": tls_broker.bootstrap,
        "kafka_partner_bootstrap": tls_broker.partner_bootstrap,
        "kafka_partner_security_protocol": "SASL_SSL",
        "kafka_partner_ca_file": write(tmp_path, "ca.pem", authority.pem),
    }
    bus = AIOKafkaProducer(bootstrap_servers=tls_broker.bootstrap)
    await bus.start()
    async with run_partners(**settings) as service:
        association = await service.organisation(f"asso{code}", "association")
        await service.organisation(code, collectivities=["93D"])
        path = f"/organisations/{code}/kafka-access"
        told = (await service.call("PUT", path)).json()

        async def ready() -> bool:
            return bool((await service.call("GET", path)).json()["ready"])

        await service.until(ready)
        sent = [str(one) for one in await refer(bus, association, "93048")]

        assert told["security_protocol"] == "SASL_SSL"
        trusted = ssl.create_default_context(cadata=told["certificate_authority"])
        reader = consumer(told, ssl_context=trusted)
        await reader.start()
        try:
            assert await ids_of(reader, 2) == sent
        finally:
            await reader.stop()
        ca_file = write(tmp_path, "told.pem", told["certificate_authority"])
        assert await asyncio.to_thread(_with_the_library, told, code, ca_file) == sent
        assert await is_shut_out({**told, "security_protocol": "SASL_PLAINTEXT"})

        elsewhere = Authority.made("Another authority")
        stranger = PartnerListener(tls_broker.partner_bootstrap, "SASL_SSL", elsewhere.pem)
        with pytest.raises(DependencyDown, match=r"cannot trust .*CERTIFICATE_VERIFY_FAILED"):
            await verify_login(stranger, told["username"], told["password"], told["topic"])
        own = PartnerListener(tls_broker.partner_bootstrap, "SASL_SSL", authority.pem)
        await verify_login(own, told["username"], told["password"], told["topic"])
        with pytest.raises(DependencyDown, match="does not let"):
            await verify_login(own, told["username"], "not the password", told["topic"])
        # The first of several brokers may be down: the others tell.
        behind = PartnerListener(f"127.0.0.1:1,{tls_broker.partner_bootstrap}", "SASL_SSL", authority.pem)
        with pytest.raises(DependencyDown, match="does not let"):
            await verify_login(behind, told["username"], "not the password", told["topic"])
    await bus.stop()


def _with_the_library(told: dict[str, Any], code: str, ca_file: Path) -> list[str]:
    settings = consumer_settings(told["bootstrap"], code, told["password"], name="library", ca_file=str(ca_file))
    found: list[str] = []
    deadline = time.monotonic() + 30
    with PartnerTopic(code, settings) as topic:
        for received in topic:
            found.append(received.id)
            if len(found) == 2 or time.monotonic() > deadline:
                break
    return found
