"""HL7 v2 DFT^P03: the charges of one encounter, taken back and made. HL7 v2.5.1 ch. 6; FT1-41 and 43 from v2.7.

A charge and its reversal have the same FT1-2, the transaction id; FT1-6 says which it is (CG, CD). A charge that
changed is taken back under its id and made under another, never sent again with other content under the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hl7_parsers.er7 import USUAL, escape
from streams.formats.charge import Charge, Document, Line, News, unclassified_drug

VERSIONS: Final = ("2.3.1", "2.5.1", "2.7")
_CODE_SYSTEMS: Final = {"CPT": "C4", "HCPCS": "HCPCS"}  # table 0396
_UTF_8: Final = "UNICODE UTF-8"  # table 0211
_NO_NAME: Final = "^^^^^^U"  # a claim line has no name: XPN of type unspecified
_CLASS: Final = "O"  # a claim line does not say; drug administration is coded for outpatients
_CHARGE, _REVERSAL = "CG", "CD"  # table 0017


@dataclass(frozen=True, slots=True)
class Addressee:
    """MSH-5, MSH-6, MSH-11 and MSH-12 of what is sent, and how a reversal says how much."""

    application: str = ""
    facility: str = ""
    processing_id: str = "P"
    version: str = "2.5.1"
    is_negative: bool = False  # units of a reversal below zero, as some billing systems want it


def dft(news: News, to: Addressee) -> Document:
    """The message of one piece of news; its control id is the same whenever it is made."""
    control_id = f"DC{news.id}"
    rows = [*((one, _REVERSAL) for one in news.reversed), *((one, _CHARGE) for one in news.made)]
    line = news.line
    at = _moment(max(str(one.line["coded_at"]) for one, _ in rows))
    segments = [
        _pid(line),
        _pv1(line),
        *(_ft1(number, one, kind, to) for number, (one, kind) in enumerate(rows, 1)),
    ]
    body = "\r".join(segments)
    head = _msh(line, to, control_id, at, "" if body.isascii() else _UTF_8)
    evn = f"EVN|{'' if to.version >= '2.7' else 'P03'}|{at}"
    return Document(control_id, "\r".join((head, evn, body, "")).encode(), news.key)


def _msh(line: Line, to: Addressee, control_id: str, at: str, charset: str) -> str:
    kind = "DFT^P03" if to.version < "2.4" else "DFT^P03^DFT_P03"
    return _segment(
        "MSH",
        {
            2: "^~\\&", 3: "DRIPCODE", 4: _text(line["facility"]), 5: _text(to.application), 6: _text(to.facility),
            7: at, 9: kind, 10: control_id, 11: to.processing_id, 12: to.version, 18: charset,
        },
    )  # fmt: skip


def _pid(line: Line) -> str:
    account = _text(line["encounter_id"])
    patient = f"{_text(line['patient_id'])}^^^{_text(line['patient_id_authority'])}^MR"
    return _segment("PID", {1: "1", 3: patient, 5: _NO_NAME, 18: account})


def _pv1(line: Line) -> str:
    place = f"^^^{_text(line['facility'])}" if line["facility"] else ""
    return _segment("PV1", {1: "1", 2: _CLASS, 3: place, 19: _text(line["encounter_id"])})


def _ft1(number: int, charge: Charge, kind: str, to: Addressee) -> str:
    line = charge.line
    code = f"{line['code']}^{_text(unclassified_drug(line))}^{_CODE_SYSTEMS[line['code_system']]}"
    units = -line["units"] if kind == _REVERSAL and to.is_negative else line["units"]
    fields = {
        1: str(number),
        2: charge.transaction_id,
        4: line["service_date"].replace("-", ""),
        5: _moment(line["coded_at"])[:8],
        6: kind,
        7: code,
        10: str(units),
        13: _text(line.get("department", "")),
        25: code,
        26: "~".join(line["modifiers"]),
    }
    if to.version >= "2.5":
        fields |= {29: f"{line['ndc']}^^NDC" if line.get("ndc") else ""}
    if to.version >= "2.7":
        quantity = f"{line['ndc_quantity']}^{line['ndc_unit']}" if line.get("ndc_quantity") else ""
        fields |= {41: line.get("revenue_code", ""), 43: quantity}
    return _segment("FT1", fields)


def _segment(name: str, fields: dict[int, str]) -> str:
    """A segment from its fields by number; MSH counts its first separator as a field."""
    filled = {number: value for number, value in fields.items() if value}
    first = 2 if name == "MSH" else 1
    return "|".join([name, *(filled.get(number, "") for number in range(first, max(filled) + 1))])


def _text(value: str) -> str:
    """A value as it may stand in a field."""
    return "".join(_letters(escape(value, USUAL)))


def _letters(text: str) -> Iterator[str]:
    """Printable letters; a control character would end the segment."""
    return (letter for letter in text if letter.isprintable())


def _moment(iso: str) -> str:
    """An ISO time as DTM, to the second, with its offset."""
    return datetime.fromisoformat(iso).strftime("%Y%m%d%H%M%S%z")
