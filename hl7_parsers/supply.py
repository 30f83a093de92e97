"""RGV and RDS: what is to be given at a moment, and what pharmacy handed out. Read and typed; never what was given.

HL7 v2 chapter 4A. RXR and RXC that follow an RXG or RXD are its own; those before are the order's and the fallback.
"""

from __future__ import annotations

from collections.abc import Iterator

from hl7_parsers import fields
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import Er7, Segment
from hl7_parsers.events import DrugDispensed, DrugGiveOrdered, Quantity
from hl7_parsers.fields import at
from hl7_parsers.header import Times
from hl7_parsers.layout import OrderGroup
from hl7_parsers.orders import components, put_order, read_route
from hl7_parsers.profile import SenderProfile
from hl7_parsers.timestamps import ReadTime, read_time


def read_gives(message: Er7, times: Times, profile: SenderProfile) -> list[DrugGiveOrdered]:
    """The doses of an RGV message, one per RXG."""
    return [_give(message, group, rxg, times, profile) for group, rxg in _items(message, "RXG")]


def read_dispenses(message: Er7, times: Times, profile: SenderProfile) -> list[DrugDispensed]:
    """What an RDS message says was handed out, one per RXD."""
    return [_dispense(message, group, rxd, times, profile) for group, rxd in _items(message, "RXD")]


def _items(message: Er7, wanted: str) -> Iterator[tuple[OrderGroup, Segment]]:
    """Each segment of that name with its order, and the route, parts and notes that are its own or the order's."""
    order, own, item = OrderGroup(), OrderGroup(), None
    for slot in message.layout.slots:
        if slot.name in ("ORC", wanted):
            if item is not None:
                yield _whole(order, own), message.segment(item)
            item = slot if slot.name == wanted else None
            own = OrderGroup()
            if slot.name == "ORC":
                order = OrderGroup(orc=slot)
        elif slot.name != "RXA":  # says what was given, which is not for these messages
            (order if item is None else own).add(slot)
    if item is not None:
        yield _whole(order, own), message.segment(item)


def _whole(order: OrderGroup, own: OrderGroup) -> OrderGroup:
    """The order's segments, and those of the one item in their place or beside them."""
    return OrderGroup(
        orc=order.orc,
        rxo=order.rxo,
        rxe=order.rxe,
        rxr=own.rxr or order.rxr,
        tq1=own.tq1 or order.tq1,
        rxc_ordered=order.rxc_ordered,
        rxc_encoded=order.rxc_encoded,
        rxc_given=own.rxc_ordered,
        notes=[*order.notes, *own.notes],
    )


def _draft(message: Er7, group: OrderGroup, times: Times, profile: SenderProfile) -> Draft:
    """What the order of an item says, and its route and parts."""
    draft = Draft()
    put_order(message, group, draft, times, profile)
    if group.rxr is not None:
        draft.take(read_route(message, group.rxr))
    orc = message.segment(group.orc) if group.orc is not None else None
    if orc is not None and (control := orc.text(1).upper()):
        draft.put("control", control, at(orc, 1))
    parts, place = components(message, group, profile)
    if parts:
        draft.put("components", parts, place)
    return draft


def _put_drug(item: Segment, drug_field: int, draft: Draft) -> None:
    """The drug, and the item's own number."""
    drug, alternate = fields.codes(item, drug_field)
    if drug != fields.NO_CODE:
        draft.put("drug", drug, at(item, drug_field))
    if alternate != fields.NO_CODE:
        draft.put("alternate", alternate, at(item, drug_field))
    if sub_id := item.text(1):
        draft.put("sub_id", sub_id, at(item, 1))


def _give(message: Er7, group: OrderGroup, rxg: Segment, times: Times, profile: SenderProfile) -> DrugGiveOrdered:
    """RXG: the drug in 4, the amount in 5 to 7 (a range is none), the rate in 15 and 16, strength and volume."""
    draft = _draft(message, group, times, profile)
    _put_drug(rxg, 4, draft)
    least, most = rxg.text(5), rxg.text(6)
    if most and fields.number(most) != fields.number(least):
        draft.doubt("AMOUNT_UNREADABLE", at(rxg, 5))
    else:
        _put_quantity(rxg, "dose", 5, 7, draft)
    _put_quantity(rxg, "rate", 15, 16, draft)
    _put_quantity(rxg, "strength", 17, 18, draft)
    _put_quantity(rxg, "volume", 23, 24, draft)
    if start := rxg.text(3, 4):  # TQ: when this dose is to begin
        _put_time(read_time(start, times.clock), at(rxg, 3), draft)
    draft.keep(set(DrugGiveOrdered.__struct_fields__))
    return DrugGiveOrdered(**draft.values, places=draft.places, remarks=tuple(draft.remarks))


def _dispense(message: Er7, group: OrderGroup, rxd: Segment, times: Times, profile: SenderProfile) -> DrugDispensed:
    """RXD: the drug in 2, when in 3, how much in 4 and 5, the prescription's number in 7."""
    draft = _draft(message, group, times, profile)
    _put_drug(rxd, 2, draft)
    _put_quantity(rxd, "quantity", 4, 5, draft)
    _put_time(times.of(rxd.raw(3)), at(rxd, 3), draft)
    if number := rxd.text(7):
        draft.put("prescription", number, at(rxd, 7))
    draft.keep(set(DrugDispensed.__struct_fields__))
    return DrugDispensed(**draft.values, places=draft.places, remarks=tuple(draft.remarks))


def _put_time(found: ReadTime, place: str, draft: Draft) -> None:
    """A time, or a remark when it cannot be read."""
    if found.time is not None:
        draft.put("at", found.time, place)
    if found.remark:
        draft.doubt(found.remark, place)


def _put_quantity(item: Segment, name: str, amount: int, unit: int, draft: Draft) -> None:
    """A number with its unit, unless it is not one."""
    text = item.text(amount)
    if not text:
        return
    number = fields.number(text)
    if number is None:
        draft.doubt("AMOUNT_UNREADABLE", at(item, amount))
    else:
        draft.put(name, Quantity(number, fields.ucum(item, unit)), at(item, amount))
