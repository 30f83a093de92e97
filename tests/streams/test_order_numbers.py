"""Which rows are of one order, where a sender leaves out one of its numbers."""

import itertools

import msgspec

from hl7_parsers import events as hl7
from hl7_parsers.events import Message
from streams.assemble import Site, assemble
from tests.streams.build import fact, message, moment, started

STOP = moment(hl7.AdministrationStopped, "", "10:20")


def numbered(one: Message, placer: str, filler: str) -> Message:
    event = msgspec.structs.replace(one.events[0], placer=placer, filler=filler)
    return message(event, at="09:00", control_id=one.header.control_id)


def ends(*messages: Message) -> list[bool]:
    """Whether each administration has a start and a stop, the same in every order of arrival."""
    first, *others = {
        tuple(
            one.runs[-1].start is not None and one.runs[-1].stop is not None
            for one in assemble([fact(each) for each in order], Site()).administrations
        )
        for order in itertools.permutations(messages)
    }
    assert not others
    return list(first)


def test_a_stop_finds_its_infusion_by_the_filler_number_alone() -> None:
    assert ends(numbered(started("", at="09:00"), "O1", "F1"), numbered(STOP, "", "F1")) == [True]
    assert ends(numbered(started("", at="09:00"), "", "F1"), numbered(STOP, "O1", "F1")) == [True]


def test_a_filler_number_of_two_orders_tells_neither() -> None:
    both = numbered(started("", at="08:00"), "O1", "F1"), numbered(started("", at="09:00"), "O2", "F1")
    assert ends(*both, numbered(STOP, "", "F1")) == [False, False, False]
