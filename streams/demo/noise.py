"""What else is on the wire: messages for other systems, and messages nobody can use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from random import Random
from typing import Final

from streams.demo.charting import Stay
from streams.demo.hospital_time import later, on, stamp
from streams.demo.messages import pid, pv1
from streams.demo.wire import Draft, Sent

# Out of a thousand visits.
APPOINTMENTS: Final = 70
LAB_RESULTS: Final = 180
STAFF_RECORDS: Final = 20
UNREADABLE: Final = 50

TESTS: Final = ("HGB^Hemoglobin^99SYN||12.4|g/dL", "K^Potassium^99SYN||3.4|mmol/L", "WBC^Leukocytes^99SYN||7.1|10*9/L")


def other_traffic(stays: list[Stay], rng: Random, day: date) -> list[Draft]:
    """Appointments, laboratory results and staff records: readable, and nothing to do with medication."""
    drafts = [_appointment(stay, rng) for stay in rng.choices(stays, k=_count(APPOINTMENTS, stays))]
    drafts += [_lab_result(stay, rng) for stay in rng.choices(stays, k=_count(LAB_RESULTS, stays))]
    drafts += [_staff_record(number, rng, day) for number in range(1, _count(STAFF_RECORDS, stays) + 1)]
    return drafts


def _count(per_thousand: int, stays: list[Stay]) -> int:
    return max(1, len(stays) * per_thousand // 1000)


def _appointment(stay: Stay, rng: Random) -> Draft:
    moment = later(stay.visit.arrived_at, rng.randint(5, 90))
    body = (f"SCH|{stay.visit.number}S||||||FOLLOWUP^Follow-up^99SYN|||30|min", pid(stay.visit.patient))
    return _ignored("SCHED", "SIU^S12", "SIU_S12", moment, body)


def _lab_result(stay: Stay, rng: Random) -> Draft:
    moment = later(stay.visit.arrived_at, rng.randint(30, 120))
    body = (
        pid(stay.visit.patient),
        pv1(stay.visit, stay.visit.department),
        f"OBR|1|||PANEL^Panel^99SYN|||{stamp(moment)}",
        f"OBX|1|NM|{rng.choice(TESTS)}|||||F",
    )
    draft = _ignored("LAB", "ORU^R01", "ORU_R01", moment, body)
    return replace(draft, encounter_id=stay.visit.number, department=stay.visit.department.name)


def _staff_record(number: int, rng: Random, day: date) -> Draft:
    moment = later(on(day, "01:00"), rng.randint(0, 240))
    body = (
        "MFI|STF^Staff master^HL70175||UPD|||AL",
        f"MFE|MUP|||RN{number}^NURSE^TEST|CWE",
        f"STF|RN{number}^NURSE^TEST|RN{number}|NURSE^TEST",
    )
    return _ignored("STAFF", "MFN^M02", "MFN_M02", moment, body)


def _ignored(application: str, kind: str, structure: str, moment: datetime, body: tuple[str, ...]) -> Draft:
    return Draft(
        application,
        kind,
        structure,
        "2.5.1",
        moment,
        moment,
        body,
        fate="ignored",
        fault="for another system",
    )


def unreadable_messages(sent: list[Sent], stays: list[Stay], rng: Random, day: date) -> list[Sent]:
    """Broken copies that leave seconds before the whole message, and things that never were HL7: all `dead`."""
    whole = [
        message
        for message in sent
        if message.fate == "applied" and not message.fault and message.kind.startswith(("RAS", "RDE"))
    ]
    dead = []
    for number, message in enumerate(rng.sample(whole, min(len(whole), _count(UNREADABLE, stays)))):
        if number % 2:
            name, breaks = BREAKS[number // 2 % len(BREAKS)]
            dead.append(_dead(breaks(message), message, name))
        else:
            dead.append(_never_hl7(number, rng, day))
    return dead


def _dead(text: bytes, message: Sent, fault: str) -> Sent:
    control_id = message.control_id if message.control_id.encode() in text else ""
    return replace(
        message,
        text=text,
        control_id=control_id,
        sent_at=later(message.sent_at, -0.1),
        fate="dead",
        fault=fault,
        encounter_id="",
        department="",
        kind=message.kind if control_id else "garbage",
    )


def _cut_in_header(message: Sent) -> bytes:
    return message.text[: message.text.index(b"|DRIP|") + 4]


def _cut_in_patient(message: Sent) -> bytes:
    return message.text[: message.text.index(b"\rPID|1||") + len(b"\rPID|1|")]


def _without_patient(message: Sent) -> bytes:
    return b"".join(part + b"\r" for part in message.text.split(b"\r") if part and not part.startswith(b"PID|"))


def _without_patient_id(message: Sent) -> bytes:
    head, rest = message.text.split(b"\rPID|1||", 1)
    return head + b"\rPID|1|||" + rest.split(b"|", 1)[1]


def _without_header(message: Sent) -> bytes:
    return message.text.split(b"\r", 1)[1]


BREAKS: Final[tuple[tuple[str, Callable[[Sent], bytes]], ...]] = (
    ("cut in the header", _cut_in_header),
    ("cut before the patient id", _cut_in_patient),
    ("no PID", _without_patient),
    ("no patient id", _without_patient_id),
    ("no MSH", _without_header),
)


def _never_hl7(number: int, rng: Random, day: date) -> Sent:
    noise = bytes(rng.randrange(0x80, 0x100) for _ in range(60))
    text = (
        f"GET /status?probe={number} HTTP/1.1\r\nHost: synthetic\r\n\r\n".encode(),
        f'<?xml version="1.0"?><message number="{number}"/>'.encode(),
        f"PUMP {number} ALARM CLEARED\r".encode(),
        noise,
    )[number // 2 % 4]
    return Sent(text, "", later(on(day, "00:10"), rng.randint(0, 23 * 60)), "garbage", "dead", "", fault="not HL7")
