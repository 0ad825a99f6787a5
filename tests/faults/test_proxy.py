"""The proxy hurts what it is told to, and only that: against servers of a few lines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.faults.proxy import Proxy, proxy
from tests.faults.wire import KafkaWire, PostgresWire, Wire

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def answering(reads: list[bytes], wire: type[KafkaWire] | type[PostgresWire]) -> AsyncIterator[int]:
    """Serve: each message is kept, and answered by itself."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while message := await made(wire, 0, 0).read(reader):
            reads.append(message)
            writer.write(message)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def made(wire: type[KafkaWire] | type[PostgresWire], there: int, here: int) -> Wire:
    return KafkaWire({there: here}) if wire is KafkaWire else PostgresWire()


@asynccontextmanager
async def between(
    reads: list[bytes], wire: type[KafkaWire] | type[PostgresWire] = PostgresWire
) -> AsyncIterator[tuple[Proxy, Streams]]:
    async with (
        answering(reads, wire) as port,
        proxy(port, lambda here: made(wire, port, here), random.Random(1)) as stands,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", stands.port)
        yield stands, (reader, writer)
        writer.close()


def frame(kind: int, number: int, body: bytes = b"") -> bytes:
    content = kind.to_bytes(2) + (9).to_bytes(2) + number.to_bytes(4) + body
    return len(content).to_bytes(4) + content


@pytest.mark.parametrize("byte_by_byte", [False, True])
async def test_bytes_arrive_whole_in_any_weather(byte_by_byte: bool) -> None:
    sent = bytes(range(256)) * 20
    reads: list[bytes] = []
    async with between(reads) as (stands, (reader, writer)):
        stands.weather.byte_by_byte = byte_by_byte
        stands.weather.latency_seconds = 0.001
        writer.write(sent)
        assert await asyncio.wait_for(reader.readexactly(len(sent)), 20) == sent
    assert b"".join(reads) == sent
    assert stands.injected == 0


async def test_a_lost_answer_is_one_whose_request_arrived() -> None:
    reads: list[bytes] = []
    async with between(reads, KafkaWire) as (stands, (reader, writer)):
        stands.weather.lost_answer_share = 1
        writer.write(frame(3, 7))
        assert await asyncio.wait_for(reader.readexactly(12), 20) == frame(3, 7)
        writer.write(frame(0, 9))
        # An answer's number is where an echo has the kind and the version: 0 and 9.
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(reader.readexactly(12), 20)
    assert frame(0, 9) in reads
    assert stands.injected == 1


async def test_a_lost_request_does_not_arrive() -> None:
    reads: list[bytes] = []
    async with between(reads) as (stands, (reader, writer)):
        stands.weather.lost_request_share = 1
        writer.write(b"SELECT 1")
        assert await asyncio.wait_for(reader.readexactly(8), 20) == b"SELECT 1"
        writer.write(b"COMMIT;\0")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(reader.readexactly(8), 20)
    assert reads == [b"SELECT 1"]


async def test_a_half_open_socket_is_silent_and_the_next_one_is_well() -> None:
    reads: list[bytes] = []
    async with between(reads) as (stands, (reader, writer)):
        writer.write(b"first")
        await asyncio.wait_for(reader.readexactly(5), 20)
        assert stands.half_open() == 1
        writer.write(b"second")
        later, to = await asyncio.open_connection("127.0.0.1", stands.port)
        to.write(b"third")
        assert await asyncio.wait_for(later.readexactly(5), 20) == b"third"
        assert not reader.at_eof()
        to.close()
    assert reads == [b"first", b"third"]


async def test_clients_are_told_the_proxys_port_instead_of_the_brokers() -> None:
    wire = KafkaWire({9092: 1234})
    told = b"\x00\x09127.0.0.1" + (9092).to_bytes(4)
    assert wire.translate(told) == b"\x00\x09127.0.0.1" + (1234).to_bytes(4)
