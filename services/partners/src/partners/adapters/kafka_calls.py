"""Calls to the broker's administration through librdkafka, without a thread of ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from chassis.errors import DependencyDown
from chassis.settings import ServiceSettings, read_secret

CALL_SECONDS: Final = 10.0
T = TypeVar("T")


class Administration:
    """Opens one client, when it is first needed."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._client: AdminClient | None = None

    def client(self) -> AdminClient:
        """Return the client; it connects by itself."""
        if self._client is None:
            self._client = AdminClient(_configuration(self._settings))
        return self._client


async def answers(futures: Mapping[T, Future[Any]], *, tolerated: int | None = None) -> dict[T, Any]:
    """Wait for every answer; where the broker refused with the code that is `tolerated` there is none.

    Raises DependencyDown for any other refusal, and for silence.
    """
    found: dict[T, Any] = {}
    for name, future in futures.items():
        try:
            found[name] = await _answer(future)
        except KafkaException as error:
            fault: KafkaError = error.args[0]
            if fault.code() != tolerated:
                raise DependencyDown(f"Kafka's administration refused or is away ({fault.name()})") from None
        except TimeoutError:
            raise DependencyDown("Kafka's administration does not answer") from None
    return found


async def _answer(future: Future[Any]) -> Any:
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
    return future.result(0)


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
