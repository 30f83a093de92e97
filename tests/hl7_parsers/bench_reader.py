"""Compare our reader with python-hl7 on the same messages, in one run.

    python -m tests.hl7_parsers.bench_reader [--rounds N]

Three readings of each message: `events` is `parse_message`, everything up to the events; `split` is the ER7 reader
with every field split; `hl7.parse` is python-hl7 alone, without taking a single value out. CPU time; the ratio of each
round is taken by itself, so that a busy machine moves both sides.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import hl7

from hl7_parsers import er7, parse_message, peek

HEADER = "MSH|^~\\&|MAR|SYNTH|DRIP|BILL|202501{d}093000-0500||RAS^O17^RAS_O17|SYN{n}|P|2.5.1|||AL|NE||UNICODE UTF-8\r"
PATIENT = (
    "PID|1|SYNOLD{n}|SYN{n}^^^SYNTH&1.2.3.4&ISO^MR^SYNTH~9{n}^^^NATION^NI||SYNTHETIC^PATIENT^A^^MX^^L||19700101|U|||"
    "1 TEST STREET^^TESTTOWN^TS^00000^TST^H~2 TEST STREET^^TESTTOWN^TS^00000^TST^B||^PRN^PH^^1^555^5550100|||U|||"
    "ACC{n}\r"
    "PV1|1|O|INFUSION^01^A^SYNTH^^^^^INFUSION CENTER||||1111^TEST^DOCTOR^A^^^MD^^SYNTH|2222^TEST^REFERRER|||MED|||||||"
    "1111^TEST^DOCTOR^A^^^MD^^SYNTH|OUT|V{n}^^^SYNTH^VN|||||||||||||||||||||||||20250106073000-0500\r"
)
ORDER = (
    "ORC|RE|ORD{n}{k}^EHR|FIL{n}{k}^RX||CM||^^M60^20250106080000^^R||20250106092900-0500|3333^NURSE^TEST||1111^TEST\r"
    "RXO|SYN{k}00^DRUG {k} 1 G^99SYN|1||G^gram^UCUM\rRXR|IV^Intravenous^HL70162\r"
    "RXC|A|SYN{k}01^DRUG {k} 1 G^99SYN|1|G^gram^UCUM\rRXC|B|SYN{k}02^SODIUM CHLORIDE 0.9 % 100 ML^99SYN|100|mL\r"
    "NTE|1|P|Infuse over 60 minutes with the patient seated\r"
    "RXA|0|{k}|20250106080000-0500|20250106090000-0500|SYN{k}00^DRUG {k} 1 G IN SODIUM CHLORIDE^99SYN^00000000{k}^DRUG^"
    "NDC|1|G^gram^UCUM||^given in chair 3|3333^NURSE^TEST|INFUSION^01^A^SYNTH|100 mL/hr|||LOT{k}|20261231|SYN^MAKER|||"
    "CP|A|20250106090100-0500\r"
    "RXR|IV^Intravenous^HL70162|L-AC^left antecubital^99SYN|IVP^IV Pump^HL70164|IVPB^IV Piggyback^HL70165\r"
    "OBX|1|NM|VOL^Total Volume^99SYN||100|mL|||||F|||20250106090000-0500\r"
)
NOTE = "OBX|2|TX|SYN7^Observation^99SYN||Seen by the nurse^with the patient^at rest||||||F|||20250106090000-0500||RN1\r"


def messages() -> dict[str, list[bytes]]:
    """Messages of many patients and times, by a name that says their size; drugs, routes and units come again."""
    found = {}
    for orders, notes in ((1, 0), (1, 6), (2, 0), (4, 0)):
        text = HEADER + PATIENT + "".join(ORDER.replace("{k}", str(k)) for k in range(1, orders + 1)) + NOTE * notes
        text = text.replace("20250106", "202501{d}").replace("00-0500", "{s}-0500")
        each = [
            text.replace("{n}", f"{number:07}")
            .replace("{d}", f"{number % 28 + 1:02}")
            .replace("{s}", f"{number % 60:02}")
            for number in range(2000)
        ]
        found[f"RAS, {orders} order(s), {notes} observations, {len(each[0])} bytes"] = [one.encode() for one in each]
    return found


def split_all(raw: bytes) -> None:
    for segment in er7.read(raw).all():
        _ = segment.fields


def seconds(read: Callable[[bytes], object], raws: list[bytes]) -> float:
    """CPU seconds of one reading."""
    start = time.process_time()
    for raw in raws:
        read(raw)
    return (time.process_time() - start) / len(raws)


READERS: dict[str, Callable[[bytes], object]] = {"events": parse_message, "split": split_all, "peek": peek}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    for name, raws in messages().items():
        rounds = []
        for number in range(options.rounds):
            theirs = seconds(lambda raw: hl7.parse(raw.decode()), raws[number * 40 : number * 40 + 40])
            rounds.append({what: (seconds(read, raws), theirs) for what, read in READERS.items()})
        print(f"{name}: hl7.parse {1e6 * statistics.median(r['events'][1] for r in rounds):.0f} us")
        for what in READERS:
            ratios = sorted(theirs / own for own, theirs in (r[what] for r in rounds))
            own = 1e6 * statistics.median(r[what][0] for r in rounds)
            print(f"    {what:7} {own:6.1f} us, x{statistics.median(ratios):.1f} ({ratios[0]:.1f}-{ratios[-1]:.1f})")


if __name__ == "__main__":
    main()
