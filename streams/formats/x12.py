"""ANSI X12 837 service lines (005010X223A2 institutional, 005010X222A1 professional): what a biller puts into a claim.

A claim needs the whole account, and prices, diagnoses and people that no claim line knows: these are fragments, one
for each encounter from CLM on, charge amounts 0. What changed replaces the whole fragment (CLM05-3: 1, then 7, 8 when
nothing stands any more). The synthetic form wraps them in a full interchange with made-up people, to be validated;
it is marked as a test (ISA15 T) and is not for a payer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from streams.formats.charge import Charge, Document, Line, News, short_id, unclassified_drug

FRAGMENTS, SYNTHETIC = "fragments", "synthetic"
FORMS: Final = (FRAGMENTS, SYNTHETIC)
FACILITY, PROFESSIONAL = "facility", "professional"
GUIDES: Final = {FACILITY: "005010X223A2", PROFESSIONAL: "005010X222A1"}
ORIGINAL, REPLACEMENT, VOID = "1", "7", "8"  # CLM05-3
# Where the line says none; the site's charge master has the last word.
REVENUE_CODES: Final = {"hydration": "0260", "therapeutic": "0260", "chemotherapy": "0335", "other": "0940"}
_ELEMENT, _COMPONENT, _REPETITION, _END = "*", ":", "^", "~"
_CLAIM_ID_MAX = 38
_MODIFIERS_MAX = 4
_DESCRIPTION_MAX = 80
_NO_DIAGNOSIS: Final = "R69"  # ICD-10-CM: illness, unspecified

Segment = Sequence[str]


@dataclass(frozen=True, slots=True)
class Claims:
    """How claims are written."""

    form: str = FRAGMENTS
    place_of_service: str = "11"  # of professional claims
    revenue_codes: Mapping[str, str] = field(default_factory=lambda: REVENUE_CODES)  # by service family

    def documents(self, news: Sequence[News], number: int) -> list[Document]:
        """A file for each kind of claim that there is."""
        made = []
        for setting, letter in ((FACILITY, "I"), (PROFESSIONAL, "P")):
            of_kind = [one for one in news if one.line["setting"] == setting]
            if of_kind:
                segments = list(self._segments(of_kind, setting, number))
                text = "".join(f"{_ELEMENT.join(segment)}{_END}\n" for segment in segments)
                made.append(Document(f"837{letter}-{number:08d}.x12", text.encode()))
        return made

    def _segments(self, news: Sequence[News], setting: str, number: int) -> Iterator[Segment]:
        if self.form == SYNTHETIC:
            return _interchange([(one, self._claim(one, setting)) for one in news], setting, number)
        return (segment for one in news for segment in self._claim(one, setting))

    def _claim(self, news: News, setting: str) -> list[Segment]:
        """Loop 2300 and its loops 2400. A claim taken back names the lines that it takes back."""
        lines = [charge.line for charge in news.standing or news.reversed]
        frequency = VOID if not news.standing else REPLACEMENT if news.was_told else ORIGINAL
        days = sorted(line["service_date"].replace("-", "") for line in lines)
        claim = claim_id(lines[0]["encounter_id"])
        head: list[Segment]
        if setting == FACILITY:
            place = _COMPONENT.join(("13", "A", frequency))  # type of bill 013x: hospital outpatient
            head = [
                ("CLM", claim, "0", "", "", place, "", "A", "Y", "Y"),
                ("DTP", "434", "RD8", f"{days[0]}-{days[-1]}"),
                ("CL1", "3", "1", "01"),
            ]
        else:
            place = _COMPONENT.join((self.place_of_service, "B", frequency))
            head = [("CLM", claim, "0", "", "", place, "Y", "A", "Y", "Y")]
        head += [] if self.form == FRAGMENTS else _synthetic_claim(setting)
        charges = news.standing or news.reversed
        return [*head, *(s for place, one in enumerate(charges, 1) for s in self._service_line(place, one))]

    def _service_line(self, place: int, charge: Charge) -> Iterator[Segment]:
        """Loops 2400 and 2410."""
        line = charge.line
        procedure = _COMPONENT.join(_procedure(line))
        yield "LX", str(place)
        if line["setting"] == FACILITY:
            revenue = line.get("revenue_code") or self.revenue_codes[line["service_family"]]
            yield "SV2", revenue, procedure, "0", "UN", str(line["units"])
        else:
            yield "SV1", procedure, "0", "UN", str(line["units"]), "", "", "1"
        yield "DTP", "472", "D8", line["service_date"].replace("-", "")
        yield "REF", "6R", charge.transaction_id
        yield from _drug(line)


def _procedure(line: Line) -> list[str]:
    """SV101 or SV202: the code, up to four modifiers, and for a drug without a code of its own what it is."""
    said = ["HC", line["code"], *line["modifiers"][:_MODIFIERS_MAX]]
    if note := unclassified_drug(line):
        said += [""] * (2 + _MODIFIERS_MAX - len(said)) + [_text(note)[:_DESCRIPTION_MAX]]
    return said


def _drug(line: Line) -> Iterator[Segment]:
    """Loop 2410: the NDC, where its quantity is known too."""
    if line.get("ndc") and line.get("ndc_quantity") and line.get("ndc_unit"):
        yield "LIN", "", "N4", line["ndc"]
        yield "CTP", "", "", "", line["ndc_quantity"], line["ndc_unit"]


def claim_id(encounter_id: str) -> str:
    """CLM01: the encounter's id; a long one is cut and kept apart from others by its digest."""
    text = _text(encounter_id)
    if text == encounter_id and len(text) <= _CLAIM_ID_MAX:
        return text
    return f"{text[:24]}-{short_id(encounter_id)}"


def _text(value: str) -> str:
    """A value without what separates elements and segments: X12 cannot escape."""
    kept = "".join(c for c in value if c.isascii() and c.isprintable() and c not in "*:^~\\`|")
    return " ".join(kept.split()) or "UNKNOWN"


# -- the synthetic interchange -----------------------------------------------------------------------------------


def _synthetic_claim(setting: str) -> list[Segment]:
    diagnosis: Segment = ("HI", _COMPONENT.join(("ABK", _NO_DIAGNOSIS)))
    attending: Segment = ("NM1", "71", "1", "SYNTHETIC", "ATTENDING", "", "", "", "XX", "1999999992")
    return [diagnosis, attending] if setting == FACILITY else [diagnosis]


def _interchange(claims: Sequence[tuple[News, list[Segment]]], setting: str, number: int) -> Iterator[Segment]:
    """ISA to IEA: one transaction set, a subscriber for each encounter."""
    coded = max(datetime.fromisoformat(one.line["coded_at"]) for one, _ in claims)
    day, minute, control = coded.strftime("%Y%m%d"), coded.strftime("%H%M"), f"{number % 10**9:09d}"
    guide = GUIDES[setting]
    yield (
        "ISA", "00", " " * 10, "00", " " * 10, "ZZ", f"{'SYNTHSENDER':<15}", "ZZ", f"{'SYNTHRECEIVER':<15}",
        day[2:], minute, _REPETITION, "00501", control, "0", "T", _COMPONENT,
    )  # fmt: skip
    yield "GS", "HC", "SYNTHSENDER", "SYNTHRECEIVER", day, minute, str(number), "X", guide
    body = [
        *_heading(day, minute, guide, number),
        *(s for place, one in enumerate(claims) for s in _subscriber(place, one)),
    ]
    yield from body
    yield "SE", str(len(body) + 1), "0001"
    yield "GE", "1", str(number)
    yield "IEA", "1", control


def _heading(day: str, minute: str, guide: str, number: int) -> list[Segment]:
    return [
        ("ST", "837", "0001", guide),
        ("BHT", "0019", "00", str(number), day, minute, "CH"),
        ("NM1", "41", "2", "SYNTHETIC SUBMITTER", "", "", "", "", "46", "SYNTHSENDER"),
        ("PER", "IC", "SYNTHETIC CONTACT", "TE", "5555550100"),
        ("NM1", "40", "2", "SYNTHETIC RECEIVER", "", "", "", "", "46", "SYNTHRECEIVER"),
        ("HL", "1", "", "20", "1"),
        ("NM1", "85", "2", "SYNTHETIC PROVIDER", "", "", "", "", "XX", "1999999984"),
        ("N3", "1 SYNTHETIC STREET"),
        ("N4", "SYNTHVILLE", "NY", "100010000"),
        ("REF", "EI", "999999999"),
    ]


def _subscriber(place: int, claim: tuple[News, list[Segment]]) -> Iterator[Segment]:
    news, segments = claim
    patient = _text(news.line["patient_id"])[:80]
    yield "HL", str(place + 2), "1", "22", "0"
    yield "SBR", "P", "18", "", "", "", "", "", "", "ZZ"
    yield "NM1", "IL", "1", "SYNTHETIC", "PATIENT", "", "", "", "MI", patient
    yield "N3", "2 SYNTHETIC STREET"
    yield "N4", "SYNTHVILLE", "NY", "100010000"
    yield "DMG", "D8", "19700101", "U"
    yield "NM1", "PR", "2", "SYNTHETIC PAYER", "", "", "", "", "PI", "SYNTHPAYER"
    yield from segments
