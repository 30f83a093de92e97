"""How the hospital's systems write: one message per event, in the HL7 version each of them speaks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from streams.demo.care import Dose
from streams.demo.hospital_time import minutes_between, stamp
from streams.demo.people import Department, Patient, Visit
from streams.demo.wire import Draft, escape, segment

OUTPATIENT_DOCTOR: Final = "1234567893^TEST^DOCTOR"
NURSES: Final = ("RN1^NURSE^TEST", "RN2^NURSE^SAMPLE", "RN3^NURSE^EXAMPLE")
ROUTES: Final = {
    "IV": "IV^Intravenous^HL70162",
    "IM": "IM^Intramuscular^HL70162",
    "SC": "SC^Subcutaneous^HL70162",
    "PO": "PO^Oral^HL70162",
}
METHODS: Final = {"": "", "IVPB": "IVPB^IV Piggyback^HL70165", "IVP": "IVP^IV Push^HL70165"}
DEVICES: Final = {"": "", "IVP": "IVP^IV Pump^HL70164"}
ADT_STRUCTURES: Final = {
    "A01": "ADT_A01",
    "A02": "ADT_A02",
    "A03": "ADT_A03",
    "A04": "ADT_A01",
    "A06": "ADT_A06",
    "A08": "ADT_A01",
    "A11": "ADT_A09",
    "A40": "ADT_A39",
}


@dataclass(frozen=True, slots=True)
class Charting:
    """What one RAS says of a dose: the times known by then, the action and status, and when it was charted."""

    charted_at: datetime
    start: datetime | None
    stop: datetime | None
    action: str = "A"  # RXA-21
    status: str = "CP"  # RXA-20: table 0322, or the charting system's own action word
    row: int = 1  # RXA-2
    start_text: str = ""  # RXA-3 as it stands, where a system writes nonsense
    rate_factor: float = 1.0  # of the rate that was ordered


def pid(person: Patient) -> str:
    return segment(
        "PID",
        {
            1: "1",
            3: f"{person.patient_id}^^^SYNTH^MR",
            5: f"{person.family_name}^{person.given_name}",
            7: person.birth_date.strftime("%Y%m%d"),
            8: person.sex,
        },
    )


def pv1(visit: Visit, place: Department, discharged_at: datetime | None = None) -> str:
    fields = {
        1: "1",
        2: place.patient_class,
        3: place.location,
        7: OUTPATIENT_DOCTOR,
        19: visit.number,
        44: stamp(visit.arrived_at),
    }
    if discharged_at is not None:
        fields |= {36: "01", 45: stamp(discharged_at)}
    return segment("PV1", fields)


def adt(visit: Visit, trigger: str, moment: datetime, place: Department, left_at: datetime | None = None) -> Draft:
    """ADT^`trigger` about the visit, written at `moment`: its place and class from then on, and PV1-45 `left_at`."""
    version = "2.3" if place.version == "2.3" else "2.5.1"
    body = [f"EVN|{trigger}|{stamp(moment)}", pid(visit.patient), pv1(visit, place, left_at)]
    if trigger in ("A01", "A04", "A08"):
        body.append(f"DG1|1||{visit.reason}||{stamp(visit.arrived_at)}|W")
    structure = "" if version == "2.3" else ADT_STRUCTURES[trigger]
    return Draft(
        "ADT", f"ADT^{trigger}", structure, version, moment, moment, tuple(body), visit.number, visit.department.name
    )


def merge(visit: Visit, loser: Patient, moment: datetime, place: Department) -> Draft:
    """ADT^A40: what was written under `loser` belongs to the visit's patient."""
    body = (
        f"EVN|A40|{stamp(moment)}",
        pid(visit.patient),
        f"MRG|{loser.patient_id}^^^SYNTH^MR",
        pv1(visit, place),
    )
    return Draft(
        "ADT", "ADT^A40", ADT_STRUCTURES["A40"], "2.5.1", moment, moment, body, visit.number, visit.department.name
    )


def _drug_field(dose: Dose) -> str:
    return f"{dose.drug.code}^{escape(dose.drug.name)}^99SYN"


def _planned_minutes(dose: Dose) -> int:
    """What pharmacy wrote on the bag: the run time, rounded to what people order."""
    if dose.stop is None:
        return dose.drug.minutes[0]
    ran = minutes_between(dose.start, dose.stop)
    return next((usual for usual in (15, 30, 60, 90, 120, 180, 240, 480) if ran <= usual * 1.25), ran)


def _rate(dose: Dose) -> int:
    return max(1, round(dose.drug.volume_ml * 60 / _planned_minutes(dose)))


def _rxr(dose: Dose) -> str:
    return segment(
        "RXR",
        {
            1: ROUTES[dose.drug.route],
            2: dose.site.field() if dose.site else "",
            3: DEVICES[dose.drug.device],
            4: METHODS[dose.drug.method],
        },
    )


def _orc(dose: Dose, control: str, moment: datetime, more: dict[int, str] | None = None) -> str:
    return segment(
        "ORC", {1: control, 2: f"ORD{dose.order}^EHR", 3: f"FIL{dose.order}^RX", 9: stamp(moment)} | (more or {})
    )


def _rxc(dose: Dose) -> list[str]:
    """A base and an additive, for a bag that holds two things."""
    if not dose.drug.additive:
        return []
    name, amount, unit = dose.drug.additive.split("^")
    return [
        f"RXC|B|SYN9001^normal saline^99SYN|{dose.drug.volume_ml}|mL",
        f"RXC|A|SYN9002^{escape(name)}^99SYN|{amount}|{unit}",
    ]


def order(visit: Visit, dose: Dose, moment: datetime, place: Department) -> Draft:
    """RDE: the order. Times in it are planned ones."""
    newer = place.version >= "2.5"
    timing = f"^^^{stamp(dose.start)}"
    fields = {2: _drug_field(dose), 3: dose.drug.amount, 5: dose.drug.unit}
    if not newer:
        fields[1] = timing
    if dose.drug.is_infused:
        fields |= {22: f"M{_planned_minutes(dose)}", 23: str(_rate(dose)), 24: "mL/hr"}
    tq1 = [f"TQ1|1||||||{stamp(dose.start)}||S"] if newer else []
    orc = _orc(dose, "NW", moment, {12: OUTPATIENT_DOCTOR} | ({} if newer else {7: timing}))
    body = (pid(visit.patient), pv1(visit, place), orc, segment("RXE", fields), *tq1, _rxr(dose), *_rxc(dose))
    kind, structure = ("RDE^O01", "") if place.version == "2.3" else ("RDE^O11", "RDE_O11")
    return Draft("PHARM", kind, structure, place.version, moment, moment, body, visit.number, visit.department.name)


def administration(visit: Visit, dose: Dose, charting: Charting, place: Department) -> Draft:
    """RAS: what was charted of a dose, with the times known by then."""
    rxa = segment(
        "RXA",
        {
            1: "0",
            2: str(charting.row),
            3: charting.start_text or _time(charting.start),
            4: _time(charting.stop),
            5: _drug_field(dose),
            6: dose.drug.amount,
            7: dose.drug.unit,
            10: NURSES[sum(map(ord, dose.order)) % 3],
            11: place.location,
            12: f"{_rate(dose) * charting.rate_factor:.0f} mL/hr" if dose.drug.is_infused else "",
            20: charting.status,
            21: charting.action,
            22: stamp(charting.charted_at),
        },
    )
    body = (pid(visit.patient), pv1(visit, place), _orc(dose, "RE", charting.charted_at), rxa, _rxr(dose))
    kind, structure = ("RAS^O01", "") if place.version == "2.3" else ("RAS^O17", "RAS_O17")
    return Draft(
        place.application,
        kind,
        structure,
        place.version,
        charting.charted_at,
        charting.charted_at,
        body,
        visit.number,
        visit.department.name,
    )


def _time(moment: datetime | None) -> str:
    return stamp(moment) if moment else ""
