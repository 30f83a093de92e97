"""Which visit a pump's report belongs to when it names none: that of the chart which knows its order.

Most pump gateways send no visit number. Such a report is kept under an identity of its order; when the chart of a
visit names that order, before or after, the identity is called by the visit's from then on, as after a merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from hl7_parsers import events as hl7
from hl7_parsers.events import AdministrationEvent, Message
from streams.identity import Merge, Merges, Who

_MARK = "@order "
# What is held under an identity: the messages that may name one of these numbers, and others that do not.
Held = Callable[[Who, Iterable[str]], Iterable[Message]]


def is_report(message: Message) -> bool:
    """Whether a message is a pump's own report."""
    return bool(message.events) and all(isinstance(e, AdministrationEvent) and e.pump for e in message.events)


def identity_of(message: Message, patient: str) -> Who | None:
    """The identity of a report that names an order and no visit; None for every other message."""
    if message.visit.id or not is_report(message):
        return None
    event = message.events[0]
    assert isinstance(event, AdministrationEvent)
    number = event.placer or event.filler
    return Who(patient, f"{message.patient.id}{_MARK}{number}") if number else None


def links_of(message: Message, who: Who, family: Iterable[Who], merges: Merges, held: Held) -> Iterator[Merge]:
    """What a message tells of where reports belong: a report's own visit, or the reports of a chart's orders.

    Args:
        who: the identity the message is kept under.
        family: the identities of the patient that have facts.
    """
    numbers = orders_of(message)
    if not numbers:
        return
    if _MARK in who.encounter_id:
        if merges.resolve(who) == who:
            visits = [other for other in family if "@" not in other.encounter_id]
            yield from (_link(who, visit) for visit in visits if _names(held(visit, numbers), numbers))
    elif message.visit.id:
        waiting = [other for other in family if _MARK in other.encounter_id and merges.resolve(other) == other]
        yield from (_link(other, who) for other in waiting if _names(held(other, numbers), numbers))


def orders_of(message: Message) -> set[str]:
    """The numbers of the orders that a message is about."""
    of_orders = (AdministrationEvent, hl7.DrugOrdered)
    return {n for e in message.events if isinstance(e, of_orders) for n in (e.placer, e.filler) if n}


def _names(messages: Iterable[Message], numbers: set[str]) -> bool:
    return any(orders_of(message) & numbers for message in messages)


def _link(report: Who, visit: Who) -> Merge:
    """The same link whoever learns it, and however often."""
    return Merge(0.0, "", report.patient, report.encounter_id, visit.patient, visit.encounter_id)
