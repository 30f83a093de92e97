"""The layout of a message: worked out once for each sequence of segment names, and of nothing else."""

import pytest

from hl7_parsers import UnreadableMessage, er7, parse_message
from hl7_parsers.layout import layout_of
from tests.hl7_parsers.samples import MSH, ORC, PID, RXR, administrations, message, ras, rxa


def test_messages_of_the_same_names_have_one_layout_and_values_of_their_own() -> None:
    first, second = ras(rxa(), RXR, "NTE|1||one"), ras(rxa(), RXR, "NTE|1||two")
    assert er7.read(first).layout is er7.read(second).layout
    assert [parse_message(raw).events[0].note for raw in (first, second, first)] == ["one", "two", "one"]


def test_a_segment_that_is_but_a_name_has_a_layout_of_its_own() -> None:
    whole, bare = er7.read(message(MSH, PID, ORC, rxa())), er7.read(message(MSH, PID, "ORC", rxa()))
    assert [group.orc is not None for group in whole.layout.order_groups()] == [True]
    assert [group.orc is not None for group in bare.layout.order_groups()] == [False]
    assert bare.count("ORC") == 1


def test_lines_that_run_into_each_other_are_told_apart() -> None:
    assert layout_of(["MSH|", "ORC", "RXR|"]) is not layout_of(["MSH|", "ORCR", "XR|"])


def test_a_row_has_the_route_that_follows_it_else_that_of_the_order() -> None:
    (group,) = er7.read(message(MSH, PID, ORC, "RXR|IM", rxa(), "RXR|IV", rxa())).layout.order_groups()
    assert [run.rxr and run.rxr.number for run in group.runs] == [2, 1]


@pytest.mark.parametrize(("orders_own", "is_plain"), [([], True), (["NTE|1||x"], False), (["RXC|A|X"], False)])
def test_an_order_is_plain_with_nothing_but_its_rows(orders_own: list[str], is_plain: bool) -> None:
    (group,) = er7.read(message(MSH, PID, ORC, *orders_own, rxa(), RXR, "NTE|1||of the row")).layout.order_groups()
    assert group.is_plain is is_plain


def test_a_header_among_known_names_is_still_refused() -> None:
    er7.read(message(MSH, PID, "MSH", ORC))
    with pytest.raises(UnreadableMessage):
        er7.read(message(MSH, PID, MSH, ORC))
    assert er7.read(message(MSH, PID, "MSH~", ORC)).first("ORC") is not None


def test_what_an_order_says_is_not_left_for_the_next_that_looks_the_same() -> None:
    first, second = (administrations(ras(rxa(), RXR).replace(b"|RE|", b"|RE|" + order)) for order in (b"A", b"B"))
    assert first[0].placer != second[0].placer
    assert first[0].places == second[0].places
