"""Only what was acknowledged without a gap may be committed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded.deliveries import Deliveries
from streams.embedded.errors import BatchOutOfOrder

TP = ("inbound", 0)


@given(st.data())
def test_the_committed_offset_is_after_the_longest_acknowledged_head(data: st.DataObject) -> None:
    offsets = sorted(data.draw(st.sets(st.integers(0, 60), min_size=1, max_size=20)))
    deliveries, acked, committed = Deliveries(), set[int](), 0
    for offset in offsets:
        deliveries.add(TP, offset)
    done: set[int] = set()
    for offset in data.draw(st.permutations(offsets)):
        acked.add(offset)
        done.add(offset)
        committed = deliveries.pop_committable(TP, acked) or committed
        undone = [one for one in offsets if one not in done]
        head = [one for one in offsets if not undone or one < undone[0]]
        assert committed == (head[-1] + 1 if head else 0)
    assert committed == offsets[-1] + 1, "gaps in the log hold nothing up"
    assert not acked


def test_a_batch_in_order_says_what_is_next() -> None:
    deliveries = Deliveries()
    for offset in (3, 4, 9):
        deliveries.add(TP, offset)
        deliveries.add(("inbound", 1), offset)
    taken = [(TP, 3), (("inbound", 1), 3), (TP, 4)]
    assert deliveries.offsets_after(taken, {}) == {TP: 5, ("inbound", 1): 4}
    deliveries.pop_below({TP: 5}.items())
    assert deliveries.offsets_after([(TP, 9)], {}) == {TP: 10}
    assert deliveries.offsets_after([], {}) == {}


def test_what_faust_acknowledged_by_itself_is_no_hole() -> None:
    deliveries = Deliveries()
    for offset in (0, 1, 2):
        deliveries.add(TP, offset)
    assert deliveries.offsets_after([(TP, 0), (TP, 2)], {TP: {1}}) == {TP: 3}, "1 could not be decoded"


def test_a_batch_with_a_hole_is_refused() -> None:
    deliveries = Deliveries()
    for offset in (0, 1, 2):
        deliveries.add(TP, offset)
    with pytest.raises(BatchOutOfOrder, match=r"inbound\[0\]: the batch has offset 1 where 0 is due"):
        deliveries.offsets_after([(TP, 1)], {})
    with pytest.raises(BatchOutOfOrder, match="offset 3 where None is due"):
        deliveries.offsets_after([(TP, 0), (TP, 1), (TP, 2), (TP, 3)], {})


def test_what_was_not_delivered_after_all_and_what_is_read_from_elsewhere_is_forgotten() -> None:
    deliveries = Deliveries()
    deliveries.add(TP, 0)
    deliveries.add(TP, 1)
    deliveries.take_back(TP)
    assert deliveries.offsets_after([(TP, 0)], {}) == {TP: 1}
    deliveries.forget(TP)
    assert deliveries.pop_committable(TP, {0}) is None
