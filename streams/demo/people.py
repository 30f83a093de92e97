"""Who comes, and where to: synthetic patients, their visits and the lines in their arms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

GIVEN_NAMES: Final = ("TEST", "PATIENT", "SAMPLE", "EXAMPLE", "DEMO", "PLACEHOLDER")


@dataclass(frozen=True, slots=True)
class Department:
    """A place of service: its PV1-3 location, its PV1-2 class, and the HL7 version its charting system speaks."""

    name: str
    location: str
    patient_class: str
    application: str
    version: str


ED: Final = Department("emergency", "ED^01^A^SYNTH", "E", "MAR", "2.5.1")
INFUSION: Final = Department("infusion centre", "INFUSION^01^A^SYNTH", "O", "INFMAR", "2.4")
ONCOLOGY: Final = Department("oncology", "ONCOLOGY^01^A^SYNTH", "O", "MAR", "2.5.1")
OBSERVATION: Final = Department("observation", "OBS^12^B^SYNTH", "O", "MAR", "2.5.1")
INPATIENT: Final = Department("inpatient", "MED4^07^A^SYNTH", "I", "MAR", "2.5.1")
URGENT_CARE: Final = Department("urgent care", "URGENT^01^A^SYNTH", "O", "OLDMAR", "2.3")


@dataclass(frozen=True, slots=True)
class AccessSite:
    """An RXR-2 value: where the drug goes in."""

    code: str
    text: str

    def field(self) -> str:
        return f"{self.code}^{self.text}"


LEFT_ARM: Final = AccessSite("LA-PIV", "Left arm peripheral")
RIGHT_ARM: Final = AccessSite("RA-PIV", "Right arm peripheral")
LEFT_HAND: Final = AccessSite("LH-PIV", "Left hand peripheral")
PORT: Final = AccessSite("R-PORT", "Implanted port right chest")
PICC: Final = AccessSite("RA-PICC", "PICC right arm double lumen")
CENTRAL: Final = AccessSite("RIJ-CVC", "Central line right double lumen")
DELTOID: Final = AccessSite("LD", "Left deltoid")
ABDOMEN: Final = AccessSite("LLQ", "Left lower abdomen")

LINES: Final = {
    "emergency": (LEFT_ARM, RIGHT_ARM, LEFT_HAND),
    "infusion centre": (LEFT_ARM, RIGHT_ARM, PICC),
    "oncology": (PORT, PORT, PICC),
    "observation": (LEFT_ARM, RIGHT_ARM, CENTRAL),
    "inpatient": (PICC, CENTRAL, RIGHT_ARM),
    "urgent care": (LEFT_ARM, RIGHT_ARM),
}


@dataclass(frozen=True, slots=True)
class Patient:
    patient_id: str
    family_name: str
    given_name: str
    birth_date: date
    sex: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One encounter as registration knows it. `discharged_at` is None while the patient stays in the house."""

    number: str
    patient: Patient
    department: Department
    arrived_at: datetime
    line: AccessSite | None  # None: nobody charts where the line is
    reason: str  # DG1-3


def patient(number: int, rng: Random) -> Patient:
    """A person nobody could take for a real one: `SYNTHETIC-0042^TEST`, id `SYN0000042`."""
    born = date(1934, 1, 1) + timedelta(days=rng.randrange(72 * 365))
    given_name, sex = rng.choice(GIVEN_NAMES), rng.choice("FFMMU")
    return Patient(f"SYN{number:07d}", f"SYNTHETIC-{number:04d}", given_name, born, sex)
