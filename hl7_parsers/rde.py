"""RDE, ORM and OMP: drug orders as pharmacy encodes them or as they are prescribed. Planned, never what was given."""

from __future__ import annotations

from hl7_parsers import fields
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import Er7, Segment
from hl7_parsers.errors import UnsupportedMessage
from hl7_parsers.events import DrugOrdered, OrderStopped, Quantity
from hl7_parsers.fields import at, places
from hl7_parsers.header import Times
from hl7_parsers.layout import OrderGroup
from hl7_parsers.orders import components, put_order, read_route
from hl7_parsers.profile import SenderProfile

# Table 0119: cancel and discontinue, asked for and done.
_STOPS = frozenset({"CA", "OC", "CR", "DC", "OD", "DR"})


def refuse_other_orders(message: Er7) -> None:
    """Raises UnsupportedMessage for an ORM that orders no drug: laboratory, imaging, diet."""
    if message.first("RXO") is None and message.first("RXE") is None:
        raise UnsupportedMessage("OTHER_ORDER", "RXO", "nothing is coded from orders of anything but drugs")


def read_orders(message: Er7, times: Times, profile: SenderProfile) -> list[DrugOrdered | OrderStopped]:
    """The orders of an RDE message; a group with neither RXE nor RXO that stops nothing is none."""
    found: list[DrugOrdered | OrderStopped] = []
    for group in message.layout.order_groups():
        control = message.segment(group.orc).text(1).upper() if group.orc is not None else ""
        if control in _STOPS:
            found.append(_stopped(message, group, control, times, profile))
        elif group.rxe is not None or group.rxo is not None:
            found.append(_ordered(message, group, control, times, profile))
    return found


def _stopped(message: Er7, group: OrderGroup, control: str, times: Times, profile: SenderProfile) -> OrderStopped:
    draft = Draft()
    put_order(message, group, draft, times, profile)
    draft.keep({"placer", "filler", "entered"})
    return OrderStopped(**draft.values, control=control, places=draft.places)


def _ordered(message: Er7, group: OrderGroup, control: str, times: Times, profile: SenderProfile) -> DrugOrdered:
    draft = Draft()
    put_order(message, group, draft, times, profile)
    if control and group.orc is not None:
        draft.put("control", control, places("ORC", group.orc.number, 2)[1])
    if group.rxr is not None:
        draft.take(read_route(message, group.rxr))
        draft.keep(set(DrugOrdered.__struct_fields__))
    if group.rxe is not None:
        rxe = message.segment(group.rxe)
        _put_drug(rxe, 2, (3, 4, 5), draft)
        _put_rate(rxe, draft)
    else:
        draft.values["is_request"] = True
    if group.rxo is not None and "drug" not in draft.values:
        _put_drug(message.segment(group.rxo), 1, (2, 3, 4), draft)
    parts, place = components(message, group, profile)
    if parts:
        draft.put("components", parts, place)
    if "method" not in draft.values and "rate" in draft.values:
        draft.put("method", "infusion", draft.places["rate"])
    return DrugOrdered(**draft.values, places=draft.places, remarks=tuple(draft.remarks))


def _put_drug(segment: Segment, drug_field: int, amount_fields: tuple[int, int, int], draft: Draft) -> None:
    """The drug and its dose; a range (another maximum) is no dose."""
    drug, alternate = fields.codes(segment, drug_field)
    if drug != fields.NO_CODE:
        draft.put("drug", drug, at(segment, drug_field))
    if alternate != fields.NO_CODE:
        draft.put("alternate", alternate, at(segment, drug_field))
    least, most, unit = amount_fields
    text, upper = segment.text(least), segment.text(most)
    if text:
        number = fields.number(text)
        if number is None or (upper and fields.number(upper) != number):
            draft.doubt("AMOUNT_UNREADABLE", at(segment, least))
        else:
            draft.put("dose", Quantity(number, fields.unit(segment, unit)), at(segment, least))


def _put_rate(rxe: Segment, draft: Draft) -> None:
    """RXE-23 and RXE-24, or both in RXE-23: the planned rate."""
    text, unit = rxe.text(23), fields.unit(rxe, 24)
    number = fields.number(text)
    rate = Quantity(number, unit) if number is not None and fields.is_per_time(unit) else fields.rate(text)
    if rate:
        draft.put("rate", rate, at(rxe, 23))
