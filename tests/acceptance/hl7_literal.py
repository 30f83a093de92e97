"""What our ER7 reader finds in a file's messages, by the letter, in the shape of a corpus' `expect`."""

import codecs
import re
from typing import Any

from hl7_parsers import er7
from hl7_parsers.er7 import NULL, Er7, Segment

# What a value of `expect` stands for: the field, or (field, component); "raw" fields are compared as sent.
Places = dict[str, Any]
ADMINISTRATION: Places = {
    "give_sub_id": 1,
    "admin_sub_id": 2,
    "start": 3,
    "end": 4,
    "amount": 6,
    "units": 7,
    "provider": 10,
    "rate_text": "raw 12",
    "lot": 15,
    "refusal": "raw 18",
    "completion": 20,
    "action": 21,
    "entered": 22,
    "form": "raw 8",
    "notes": "raw 9",
    "location": "raw 11",
    "expiry": 16,
    "indication": "raw 19",
    "strength": 13,
    "strength_units": "raw 14",
    "manufacturer": "raw 17",
    **{f"f{number}": f"raw {number}" for number in range(13, 30)},
}
ORDER: Places = {
    "control": 1,
    "placer": 2,
    "placer_ns": (2, 2),
    "filler": 3,
    "filler_ns": (3, 2),
    "group": 4,
    "status": "raw 5",
    "timing": "raw 7",
    "parent": "raw 8",
    "time": 9,
    "effective": 15,
}
RXE: Places = {
    "timing": "raw 1",
    "amount": 3,
    "amount_max": 4,
    "units": "raw 5",
    "form": "raw 6",
    "instructions": "raw 7",
    "rx_number": 15,
    "per_time": 22,
    "rate": 23,
    "rate_units": "raw 24",
    "strength": 25,
    "strength_units": "raw 26",
    "volume": 33,
    "volume_units": "raw 34",
}
RXO: Places = {
    "amount": 2,
    "amount_max": 3,
    "units": "raw 4",
    "form": "raw 5",
    "instructions": "raw 6",
    "per_time": 21,
    "rate": "raw 23",
    "rate_units": "raw 24",
    "strength": 18,
    "strength_units": "raw 19",
    "volume": 25,
    "volume_units": "raw 26",
}
RXG: Places = {
    "give_sub_id": 1,
    "dispense_sub_id": 2,
    "timing": "raw 3",
    "amount": "raw 5",
    "amount_max": "raw 6",
    "units": "raw 7",
    "form": "raw 8",
    "per_time": "raw 14",
    "rate": "raw 15",
    "rate_units": "raw 16",
    "strength": 17,
    "strength_units": "raw 18",
    "volume": 23,
    "volume_units": "raw 24",
}
RXD: Places = {"sub_id": 1, "time": 3, "amount": 4, "units": "raw 5", "form": "raw 6", "rx_number": 7}
RXC: Places = {
    "type": "raw 1",
    "amount": 3,
    "units": "raw 4",
    "strength": 5,
    "strength_units": "raw 6",
    "volume": 8,
    "volume_units": "raw 9",
}
TQ1: Places = {
    "qty": "raw 2",
    "repeat": "raw 3",
    "duration": "raw 13",
    "start": 7,
    "end": 8,
    "service_duration": "raw 6",
    "priority": "raw 9",
}
# Segment to its name under an order, its places, and the field of its drug.
OF_ORDER = {
    "RXE": ("rxe", RXE, 2),
    "RXG": ("rxg", RXG, 4),
    "RXD": ("rxd", RXD, 2),
    "RXC": ("components", RXC, 2),
    "TQ1": ("tq1", TQ1, 0),
}
CHARGE: Places = {
    "id": 2,
    "batch": 3,
    "date": "raw 4",
    "posted": "raw 5",
    "ttype": 6,
    "qty": 10,
    "amount_ext": "raw 11",
    "amount_unit": "raw 12",
    "department": "raw 13",
    "location": "raw 16",
    "patient_type": "raw 18",
    "dx": "raw 19",
    "performer": 20,
    "orderer": 21,
    "filler": 23,
    "procedure": 25,
    "modifiers": "raw 26",
    "ndc": 29,
    "reference": 31,
}
HEADER: Places = {
    "structure": (9, 3),
    "version": 12,
    "control_id": "raw 10",
    "processing": 11,
    "message_time": 7,
    "sending_app": "raw 3",
    "sending_facility": "raw 4",
    "receiving_app": "raw 5",
    "receiving_facility": "raw 6",
    "sequence": 13,
    "accept_ack": 15,
    "app_ack": 16,
    "country": 17,
    "charset": "raw 18",
    "profile": "raw 21",
}
PATIENT: Places = {"account": 18, "dob": 7, "sex": 8, "pid2": 2, "pid4": 4, "unknown": 31}
VISIT: Places = {
    "id": 19,
    "cls": 2,
    "location": "raw 3",
    "prior_location": "raw 6",
    "patient_type": 18,
    "disposition": "raw 36",
    "facility": 39,
    "account_status": 41,
    "admit": 44,
    "discharge": 45,
    "alt_visit_id": 50,
    "visit_indicator": 51,
}
EVENT: Places = {"code": 1, "recorded": 2, "planned": 3, "reason": 4, "occurred": 6, "facility": "raw 7"}
MSA: Places = {"code": 1, "ref": 2, "text": 3, "sequence": 4}
OBR: Places = {"placer": 2, "filler": 3, "service": "raw 4", "time": 7}
LAST: dict[str, tuple[str, Places]] = {"PV1": ("visit", VISIT), "EVN": ("event", EVENT), "MSA": ("msa", MSA)}
CODE: dict[str, int] = {"id": 1, "text": 2, "system": 3, "alt_id": 4, "alt_text": 5, "alt_system": 6}


def value(segment: Segment, what: Any) -> str:
    """The value that an entry of a table above stands for."""
    if isinstance(what, str):
        return er7.unescape(segment.repetitions(int(what.split()[1]))[0].strip(), segment.delimiters)
    if not isinstance(what, tuple) and segment.raw(what).strip() == NULL:
        return NULL
    return segment.text(*what) if isinstance(what, tuple) else segment.text(what)


def table(segment: Segment, entries: Places) -> dict[str, Any]:
    return {name: value(segment, what) for name, what in entries.items()}


def filled(segment: Segment, entries: Places) -> dict[str, Any]:
    """The values that are there: of several messages in a file, the last one that has a value counts."""
    return {name: found for name, found in table(segment, entries).items() if found}


def coded(segment: Segment, number: int) -> dict[str, str]:
    return {name: segment.text(number, component) for name, component in CODE.items()}


def literal(messages: list[Er7], data: bytes) -> dict[str, Any]:
    """Everything that a corpus asks for of a file's messages."""
    found: dict[str, Any] = {"orders": [], "administrations": [], "charges": [], "pump": {}}
    for message in messages:
        header = message.header
        found |= filled(header, HEADER)
        found["type"] = "^".join(part for part in (header.text(9), header.text(9, 2)) if part)
        for name, entries in LAST.items():
            for segment in message.all(name):
                found[entries[0]] = table(segment, entries[1])
        if header.text(9).startswith("ORU"):  # elsewhere OBR says what was ordered
            for obr in message.all("OBR"):
                found["obr"] = table(obr, OBR)
        pids = list(message.all("PID"))
        if pids and "patient" not in found:
            found["patient"] = patient(pids[0])
        for mrg in message.all("MRG"):
            found["merge_from"] = merged(mrg)
        found["charges"] += [{**table(ft1, CHARGE), "code": coded(ft1, 7)} for ft1 in message.all("FT1")]
        more_orders, more_rows = orders(message)
        found["orders"] += more_orders
        found["administrations"] += more_rows
        metrics(message, found["pump"])
    found["decoded_as"] = charset_of(messages, data)
    return found


def charset_of(messages: list[Er7], data: bytes) -> str:
    """The character set of a file: by its mark or its width, else the one its last message was read with."""
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-bom"
    for name in ("utf-16le", "utf-16be"):
        if data.lstrip(b"\xff\xfe").startswith("MSH".encode(name)):
            return name
    names = {message.charset for message in messages} - {"ascii"}
    return names.pop() if len(names) == 1 else "utf-8"


def patient(pid: Segment) -> dict[str, Any]:
    found: dict[str, Any] = table(pid, PATIENT)
    parts = [[er7.value_in(raw, n, 1, pid.delimiters) for n in (1, 4, 5)] for raw in pid.repetitions(3)]
    found["ids"] = [dict(zip(("id", "authority", "type"), each, strict=True)) for each in parts if any(each)]
    names = pid.repetitions(5)[0].split(pid.delimiters.component)[:2]
    found["name"] = er7.unescape("^".join(name.strip() for name in names), pid.delimiters)
    return found


def merged(mrg: Segment) -> dict[str, Any]:
    ids = [er7.value_in(raw, 1, 1, mrg.delimiters) for raw in mrg.repetitions(1)]
    return {"ids": ids, "account": mrg.text(3), "visit": mrg.text(5), "alternate_visit": mrg.text(6)}


def metrics(message: Er7, found: dict[str, Any]) -> None:
    """The device's values by reference id; one that comes again has its channel with it."""
    for obx in message.all("OBX"):
        name, text = obx.text(3, 2), metric_value(obx)
        if re.match(r"MDCX?_", name) and text:
            if name.endswith("ATTR_EVT_COND"):
                found.setdefault("event", obx.text(5, 2) or obx.text(5))
            else:
                found[f"{name}@{obx.text(4)}" if name in found else name] = text
        if re.match(r"MDCX?_DEV_", name) and (device := value(obx, "raw 18")):
            found.setdefault("device", device)


def metric_value(obx: Segment) -> str:
    """OBX-5 with its unit: the fourth component of OBX-6 where there is one, else the first."""
    text = value(obx, "raw 5").lstrip("^")
    unit = obx.text(6, 4) or obx.text(6)
    return f"{text} {unit}".strip() if text else ""


def orders(message: Er7) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Orders and administrations, each RXR with the run of RXA before it."""
    found: list[dict[str, Any]] = []
    given: list[dict[str, Any]] = []
    run: list[dict[str, Any]] = []
    is_run_closed = False
    for segment in message.all():
        order = found[-1] if found else None
        if segment.name == "ORC":
            found.append(table(segment, ORDER))
            run = []
        elif segment.name == "RXA":
            row = {**table(segment, ADMINISTRATION), "code": coded(segment, 5), "order": number_of(order)}
            run = [row] if is_run_closed else [*run, row]
            is_run_closed = False
            given.append(row)
        elif segment.name == "RXR":
            rxr = {"route": coded(segment, 1), "site": value(segment, "raw 2"), "device": value(segment, "raw 3")}
            rxr["method"] = value(segment, "raw 4")
            for row in run:
                row.setdefault("rxr", rxr)
            is_run_closed = bool(run)
            if order is not None and not run:
                order.setdefault("rxr", []).append(rxr)
        elif order is not None:
            add_to_order(order, segment)
    return found, given


def number_of(order: dict[str, Any] | None) -> str:
    """The placer's number, else the filler's."""
    return (order["placer"] or order["filler"]) if order else ""


def add_to_order(order: dict[str, Any], segment: Segment) -> None:
    if segment.name == "RXO":
        order.setdefault("rxo", {**table(segment, RXO), "code": coded(segment, 1)})
    elif segment.name in OF_ORDER:
        name, entries, drug = OF_ORDER[segment.name]
        row = table(segment, entries)
        order.setdefault(name, []).append({**row, "code": coded(segment, drug)} if drug else row)
