"""Folding the same facts again remembers what it made, and makes what a fold from nothing would."""

from hypothesis import given as for_all
from hypothesis import strategies as st

from hl7_parsers.events import Action, Message
from streams import records
from streams.assemble import Site, assemble
from streams.records import MessageFact
from tests.streams.build import closed, given, opened, started

MESSAGES = [
    opened(),
    started("O1"),
    started("O1", at="09:30", action=Action.UPDATE),
    started("O2", at="10:00"),
    given("O3", "11:00", "11:40"),
    given("O3", "11:00", "11:50", action=Action.UPDATE),
    closed(),
]


def encoded(message: Message) -> bytes:
    return records.encode(MessageFact(records.LAYOUT, 0.0, message))


@for_all(st.lists(st.lists(st.sampled_from(range(len(MESSAGES))), min_size=1, unique=True), min_size=1, max_size=6))
def test_a_fold_that_remembers_makes_what_one_from_nothing_makes(rounds: list[list[int]]) -> None:
    for chosen in rounds:
        values = [encoded(MESSAGES[number]) for number in chosen]
        remembering = assemble((records.recall_fact(value) for value in values), Site())
        assert remembering == assemble((records.decode_fact(value) for value in values), Site())


def test_what_did_not_change_is_not_made_again() -> None:
    values = [encoded(message) for message in MESSAGES]
    before = assemble((records.recall_fact(value) for value in values[:4]), Site())
    after = assemble((records.recall_fact(value) for value in values), Site())
    kept = {id(one) for one in before.administrations} & {id(one) for one in after.administrations}
    assert len(kept) == len(before.administrations) == 2
