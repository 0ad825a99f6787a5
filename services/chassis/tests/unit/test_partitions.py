"""Our partitioner gives the partitions that every other client gives."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from chassis.partitions import murmur2, partition_of


@given(st.binary(max_size=64))
def test_the_hash_is_that_of_the_clients(data: bytes) -> None:
    assert murmur2(data) == theirs(data)


@given(st.text(max_size=48), st.integers(1, 48))
def test_the_partition_is_that_of_the_default_partitioner(key: str, partitions: int) -> None:
    everyone = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key.encode(), everyone, everyone)


def test_a_key_has_the_partition_that_the_java_client_gives_it() -> None:
    # From Kafka's own tests (UtilsTest.testMurmur2), as unsigned numbers.
    assert murmur2(b"21") == -973932308 & 0xFFFFFFFF
    assert murmur2(b"foobar") == -790332482 & 0xFFFFFFFF
    assert murmur2(b"a-little-bit-long-string") == -985981536 & 0xFFFFFFFF
