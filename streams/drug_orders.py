"""Drug orders: what RDE and OMP said was wanted, so that what was never charted can be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import coding
from hl7_parsers import events as hl7
from hl7_parsers.events import Message

_Said = hl7.DrugOrdered | hl7.OrderStopped
_NO_CODE = hl7.Code()


def drug_of(code: hl7.Code, alternate: hl7.Code = _NO_CODE, *, is_blood: bool = False) -> coding.Drug:
    """A drug as the record names it. What has a unit's number is a product by ISBT 128, which holds blood alone."""
    return coding.Drug(
        code.id, "ISBT128" if is_blood else code.system, code.text or alternate.text, alternate.id, alternate.system
    )


def drug_orders(messages: Sequence[Message]) -> tuple[coding.DrugOrder, ...]:
    """Every drug order by all the numbers it goes by, as the newest word on it says. Messages in order of time."""
    orders: dict[str, _Order] = {}
    for message in messages:
        for event in message.events:
            if isinstance(event, _Said):
                numbers = [number for number in (event.placer, event.filler) if number]
                known = next((orders[number] for number in numbers if number in orders), _Order())
                known.take(numbers, event, message.header.control_id)
                orders.update(dict.fromkeys(known.numbers, known))
    distinct = {id(order): order for order in orders.values() if order.said is not None}
    return tuple(sorted((order.made() for order in distinct.values()), key=lambda order: order.numbers))


@dataclass(slots=True)
class _Order:
    """An order while what is said of it is gathered."""

    numbers: set[str] = field(default_factory=set)
    said: hl7.DrugOrdered | None = None  # the newest word: pharmacy's, else the prescriber's
    is_stopped: bool = False
    control_ids: list[str] = field(default_factory=list)

    def take(self, numbers: Iterable[str], event: _Said, control_id: str) -> None:
        self.numbers.update(numbers)
        self.is_stopped = isinstance(event, hl7.OrderStopped)
        if isinstance(event, hl7.DrugOrdered) and (self.said is None or self.said.is_request or not event.is_request):
            self.said = event
        if control_id and control_id not in self.control_ids:
            self.control_ids.append(control_id)

    def made(self) -> coding.DrugOrder:
        said = self.said or hl7.DrugOrdered()
        return coding.DrugOrder(
            numbers=tuple(sorted(self.numbers)),
            drug=drug_of(said.drug, said.alternate),
            route=coding.Route(said.route),
            method=coding.Method(said.method),
            dose=coding.Measure(said.dose.amount, said.dose.unit) if said.dose else None,
            ordered_minutes=said.ordered_minutes,
            is_stopped=self.is_stopped,
            message_control_ids=tuple(self.control_ids),
        )
