"""What is measured with: the demo's day, and fuller messages made of the same shapes. Synthetic, all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import hl7_parsers
from streams.demo.hospital_day import Sent, hospital_day
from streams.embedded.records import Record
from streams.identity import patient_key

# About 20,000 messages: the demo's day of a larger house.
LARGE_DAY = 1850
TYPICAL_BYTES = (1600, 2200)

_PID_MORE = (  # PID-9 and on: alias, race, addresses, telephones, language, account
    "|SYN ALIAS^DEMO^^^^^A|2106-3^Synthetic^99SYN|{n} TEST STREET^APT {m}^TESTTOWN^TS^00000^TST^H^^SYN"
    "~{m} SAMPLE ROAD^^TESTTOWN^TS^00000^TST^B|SYN|^PRN^PH^^1^555^5550100~^NET^Internet^demo{n}@example.test|"
    "^WPN^PH^^1^555^5550199|ENG^English^99SYN|S^Single^99SYN||ACC{n}^^^SYNTH^AN\r"
)
_IN1 = "IN1|1|SYN01^SYNTHETIC PLAN^99SYN|SYNPAY^^^SYNTH^NIIP|SYNTHETIC PAYER|9 TEST PLAZA^^TESTTOWN^TS||||GRP{n}\r"
_ALLERGY = "AL1|1|DA^Drug allergy^99SYN|SYN{m}^SYNTHETIC ALLERGEN^99SYN|MO^Moderate^99SYN|RASH|20200101\r"
_OBX = (
    "NTE|1|P|Charted at the bedside by barcode, pump {m}\r"
    "OBX|1|NM|VOL{m}^Volume infused^99SYN||{m}|mL^milliliter^UCUM|||||F|||{at}||RN1^NURSE^TEST\r"
)


@cache
def day(encounters: int = 320) -> tuple[Sent, ...]:
    """The demo's day, made once a run."""
    return tuple(hospital_day(1, encounters))


@cache
def typical_administrations() -> tuple[bytes, ...]:
    """RAS messages of 1.6 to 2.2 KB: two or three administrations that one visit of the day has in a row, with a
    fuller patient, an insurance, an allergy, notes and observations. Patients, drugs and times differ.
    """
    made = [_fuller(group, number) for number, group in enumerate(_neighbours())]
    return tuple(text for text in made if TYPICAL_BYTES[0] <= len(text) <= TYPICAL_BYTES[1])


def _neighbours() -> Iterator[list[list[str]]]:
    """Administrations of one visit that follow each other, two or three, each as the segments of its message."""
    of_visit: dict[str, list[list[str]]] = {}
    for message in day(LARGE_DAY):
        if message.kind == "RAS^O17" and message.fate == "applied" and message.text.isascii():
            of_visit.setdefault(message.encounter_id, []).append(message.text.decode().rstrip("\r").split("\r"))
    for messages in of_visit.values():
        for start in range(len(messages)):
            yield from (messages[start : start + size] for size in (2, 3) if start + size <= len(messages))


def _fuller(group: Sequence[Sequence[str]], number: int) -> bytes:
    header, pid, pv1 = group[0][:3]
    numbers = {"n": f"{number:06}", "m": f"{number % 900 + 100}", "at": header.split("|")[6]}
    more, insurance, allergy, following = (text.format(**numbers) for text in (_PID_MORE, _IN1, _ALLERGY, _OBX))
    rows = "".join("\r".join(message[3:]) + "\r" + following for message in group)
    return f"{header}|||AL|NE\r{pid}{more}{pv1}\r{insurance}{allergy}{rows}".encode()


def records(messages: Sequence[bytes], topic: str) -> list[Record]:
    """The messages as the listener would append them."""
    return [_record(message, topic) for message in messages]


def _record(message: bytes, topic: str) -> Record:
    peek = hl7_parsers.peek(message)
    key = patient_key(peek.patient_authority, peek.patient_id).encode()
    headers = (
        ("control_id", peek.control_id.encode()),
        ("type", peek.kind.encode()),
        ("source", f"{peek.application}|{peek.facility}".encode()),
    )
    return Record(topic, key, message, headers=headers)
