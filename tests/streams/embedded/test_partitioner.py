"""Keys land in the partition where Kafka would put them."""

import pytest
from aiokafka.partitioner import DefaultPartitioner, murmur2
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded.partitioner import partition_for


@given(key=st.binary(max_size=80), count=st.integers(1, 64))
def test_a_key_goes_where_aiokafka_sends_it(key: bytes, count: int) -> None:
    everywhere = list(range(count))
    assert partition_for(key, range(count)) == DefaultPartitioner()(key, everywhere, everywhere)


@pytest.mark.parametrize(
    ("key", "hashed"),
    [  # from the unit tests of Kafka's own Java client (UtilsTest.testMurmur2)
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_a_key_goes_where_the_java_client_sends_it(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed & 0xFFFFFFFF
    assert partition_for(key, range(12)) == (hashed & 0x7FFFFFFF) % 12


def test_records_without_a_key_are_spread() -> None:
    assert {partition_for(None, range(4)) for _ in range(200)} == {0, 1, 2, 3}
