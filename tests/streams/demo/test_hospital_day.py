"""The synthetic hospital day: repeatable, readable, and honest about what must become of each message."""

import ast
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

import hl7
import pytest

from streams.demo.hospital_day import FATES, Sent, balance, describe, hospital_day, seed_examples

ROOT = Path(__file__).resolve().parents[3]
DAY = date(2026, 3, 2)
MEDICATION = ("RAS", "RDE", "ADT")


@pytest.fixture(scope="module")
def day() -> list[Sent]:
    return hospital_day()


def applied(messages: list[Sent]) -> list[Sent]:
    return [message for message in messages if message.fate == "applied"]


def field(message: Sent, segment: str, number: int) -> str:
    """Read one field of a sound message by splitting: python-hl7 takes milliseconds for each."""
    lines = [line.split("|") for line in message.text.decode("latin-1").split("\r")]
    fields = next(line for line in lines if line[0] == segment)
    place = number - 1 if segment == "MSH" else number
    return fields[place] if place < len(fields) else ""


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M%S%z")


def test_the_same_seed_gives_the_same_bytes(day: list[Sent]) -> None:
    assert hospital_day() == day
    assert hospital_day(seed=1, encounters=320, day=DAY) == day


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_gives_the_same_bytes(day: list[Sent], hash_seed: str) -> None:
    script = (
        "import hashlib; from streams.demo.hospital_day import hospital_day;"
        "print(hashlib.sha256(b''.join(m.text for m in hospital_day())).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == hashlib.sha256(b"".join(message.text for message in day)).hexdigest()


def test_the_writer_knows_nothing_of_the_reader() -> None:
    seen, waiting = set(), {"streams.demo.hospital_day"}
    while waiting:
        module = waiting.pop()
        seen.add(module)
        for node in ast.walk(ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = {node.module} if isinstance(node, ast.ImportFrom) else {name.name for name in node.names}
                ours = {name for name in names if name and name.split(".")[0] not in sys.stdlib_module_names}
                assert all(name.startswith("streams.demo.") for name in ours), (module, ours)
                waiting |= ours - seen
    assert len(seen) > 8


def test_another_seed_gives_another_day(day: list[Sent]) -> None:
    other = hospital_day(seed=2)
    assert {message.text for message in other} != {message.text for message in day}
    assert len(other) > 2800


def test_a_default_day_holds_three_hundred_encounters_and_three_thousand_messages(day: list[Sent]) -> None:
    encounters = {message.encounter_id for message in day if message.encounter_id}
    assert len(encounters) >= 300
    assert 2800 <= len(day) <= 4000


def test_the_day_is_sorted_by_the_time_of_sending(day: list[Sent]) -> None:
    times = [message.sent_at for message in day]
    assert times == sorted(times)
    assert all(time.tzinfo is not None for time in times)
    assert times[0].date() == DAY


@pytest.mark.parametrize(("seed", "encounters"), [(1, 1), (5, 3), (9, 40)])
def test_a_small_day_works_too(seed: int, encounters: int) -> None:
    messages = hospital_day(seed, encounters)
    homes = {message.encounter_id for message in messages if message.encounter_id}
    assert len(homes) == encounters + 10


def test_another_date_moves_the_day_and_keeps_its_offset() -> None:
    summer = hospital_day(encounters=5, day=date(2026, 7, 1))
    assert summer[0].sent_at.date() == date(2026, 7, 1)
    assert all("-0400" in field(message, "MSH", 7) for message in applied(summer))


def test_minutes_are_real_ones_in_the_night_the_clocks_change() -> None:
    night = hospital_day(encounters=120, day=date(2026, 10, 31))
    offsets = {field(message, "MSH", 7)[-5:] for message in applied(night)}
    assert offsets == {"-0400", "-0500"}


def test_fates_sum_to_the_number_of_messages(day: list[Sent]) -> None:
    counts = balance(day)
    assert tuple(counts) == FATES
    assert sum(counts.values()) == len(day)
    assert all(counts.values())


def test_what_is_to_be_applied_is_hl7_with_a_patient_a_visit_and_a_control_id(day: list[Sent]) -> None:
    for message in applied(day):
        read = hl7.parse(message.text.decode("latin-1"))
        assert str(read.segment("MSH")[10]) == message.control_id != ""
        assert re.fullmatch(r"SYN\d{7}\^\^\^SYNTH\^MR", str(read.segment("PID")[3]))
        assert str(read.segment("PV1")[19]) == message.encounter_id
        assert message.kind.startswith(MEDICATION)
        assert str(read.segment("MSH")[9]).startswith(message.kind)
        assert message.text.endswith(b"\r")
        assert b"\n" not in message.text


def test_patients_look_synthetic(day: list[Sent]) -> None:
    for message in applied(day):
        assert field(message, "PID", 5).startswith("SYNTH")


def test_only_the_messages_with_broken_bytes_are_not_ascii(day: list[Sent]) -> None:
    foreign = {message.fault for message in day if not message.text.isascii()}
    assert foreign == {"bytes of no encoding", "not HL7"}


def test_no_message_holds_the_bytes_that_frame_one(day: list[Sent]) -> None:
    assert not [message for message in day if b"\x0b" in message.text or b"\x1c" in message.text]


def test_a_duplicate_is_an_earlier_message_again_byte_for_byte(day: list[Sent]) -> None:
    before: set[bytes] = set()
    for message in (message for message in day if message.fate != "dead"):  # two may be cut to the same rest
        assert (message.text in before) == (message.fate == "duplicate"), message.control_id
        before.add(message.text)


def test_duplicates_come_at_once_and_hours_later(day: list[Sent]) -> None:
    first = {message.text: message.sent_at for message in reversed(day) if message.fate == "applied"}
    waits = [message.sent_at - first[message.text] for message in day if message.fate == "duplicate"]
    assert min(waits) < timedelta(minutes=10)
    assert max(waits) > timedelta(hours=4)


def test_a_restarted_counter_uses_control_ids_twice_for_different_content(day: list[Sent]) -> None:
    texts = defaultdict(set)
    for message in applied(day):
        texts[message.control_id].add(message.text)
    twice = {control_id for control_id, each in texts.items() if len(each) == 2}
    again = {message.control_id for message in day if message.fault == "control id used before"}
    assert twice == again
    assert len(again) >= 5


def test_what_is_dead_lacks_a_header_or_a_patient(day: list[Sent]) -> None:
    dead = [message for message in day if message.fate == "dead"]
    assert len({message.text for message in dead}) > 10
    for message in dead:
        segments = message.text.split(b"\r")
        patient = next((each.split(b"|") for each in segments if each.startswith(b"PID|")), [])
        has_patient_id = len(patient) > 3 and patient[3] != b""
        assert not (message.text.startswith(b"MSH|") and has_patient_id), message.fault


@pytest.mark.parametrize(
    "fault",
    ["not HL7", "cut in the header", "cut before the patient id", "no PID", "no patient id", "no MSH"],
)
def test_every_way_of_being_dead_occurs(day: list[Sent], fault: str) -> None:
    assert {message.fate for message in day if message.fault == fault} == {"dead"}


def test_messages_for_other_systems_are_ignored(day: list[Sent]) -> None:
    kinds = {message.kind for message in day if message.fate == "ignored"}
    assert kinds == {"SIU^S12", "MFN^M02", "ORU^R01"}


def test_the_versions_write_their_own_message_types(day: list[Sent]) -> None:
    kinds = defaultdict(set)
    for message in applied(day):
        kinds[field(message, "MSH", 12)].add(message.kind[:7])
    assert {"RAS^O17", "RDE^O11"} <= kinds["2.5.1"]
    assert kinds["2.4"] == {"RAS^O17", "RDE^O11"}
    assert {"RAS^O01", "RDE^O01"} <= kinds["2.3"]
    assert "RAS^O17" not in kinds["2.3"]


def test_an_update_repeats_the_order_row_and_start_of_its_administration(day: list[Sent]) -> None:
    rows = defaultdict(list)
    for message in applied(day):
        if message.kind.startswith("RAS"):
            row = tuple(field(message, "RXA", number) for number in (21, 2, 3, 5))
            rows[field(message, "ORC", 2)].append(row)
    updates = [each for each in rows.values() if any(action == "U" for action, *_ in each)]
    assert len(updates) > 100
    for each in updates:
        assert len({row[1:] for row in each}) == 1


def test_some_updates_overtake_their_start(day: list[Sent]) -> None:
    behind = [message for message in day if message.fault == "start sent after its stop"]
    sent_at = {
        (field(m, "ORC", 2), field(m, "RXA", 21)): m.sent_at
        for m in day
        if m.kind.startswith("RAS^O17") and m.fate == "applied"
    }
    assert behind
    assert all(sent_at[field(message, "ORC", 2), "U"] < message.sent_at for message in behind)


def test_some_stops_arrive_after_the_discharge_and_some_never(day: list[Sent]) -> None:
    discharged = {m.encounter_id: m.sent_at for m in day if m.kind == "ADT^A03" and m.fate == "applied"}
    late = [message for message in day if message.fault == "stop after the discharge"]
    held = [message for message in day if message.fault == "discharge sent before the last update"]
    never = [message for message in day if message.fault == "stop never sent"]
    assert late
    assert held
    assert never
    assert all(message.sent_at > discharged[message.encounter_id] for message in late + held)
    orders = Counter(field(m, "ORC", 2) for m in applied(day) if m.kind.startswith("RAS"))
    assert all(orders[field(message, "ORC", 2)] == 1 and field(message, "RXA", 4) == "" for message in never)


def test_corrections_change_the_stop_and_deletions_name_their_administration(day: list[Sent]) -> None:
    stops = defaultdict(set)
    actions = defaultdict(list)
    for message in applied(day):
        if message.kind.startswith("RAS"):
            stops[field(message, "ORC", 2)].add(field(message, "RXA", 4))
            actions[field(message, "ORC", 2)].append(field(message, "RXA", 21))
    for message in day:
        if message.fault == "stop corrected":
            assert len(stops[field(message, "ORC", 2)] - {""}) == 2
        if message.fault == "administration deleted":
            assert actions[field(message, "ORC", 2)][-1] == "D"
            assert len(actions[field(message, "ORC", 2)]) >= 2


def test_an_impossible_start_is_still_to_be_applied(day: list[Sent]) -> None:
    impossible = [message for message in day if message.fault == "impossible start time"]
    assert impossible
    for message in impossible:
        assert message.fate == "applied"
        with pytest.raises(ValueError, match=r"does not match|out of range|day"):
            moment(field(message, "RXA", 3))


def test_no_infusion_runs_backwards(day: list[Sent]) -> None:
    for message in applied(day):
        if message.kind.startswith("RAS") and message.fault != "impossible start time" and field(message, "RXA", 4):
            assert moment(field(message, "RXA", 3)) <= moment(field(message, "RXA", 4))


def test_observation_begins_in_the_emergency_department_and_runs_past_midnight(day: list[Sent]) -> None:
    by_visit = defaultdict(list)
    for message in applied(day):
        if message.department == "observation":
            by_visit[message.encounter_id].append(message)
    assert len(by_visit) > 15
    for messages in by_visit.values():
        assert any(field(message, "PV1", 3).startswith("ED^") for message in messages)
        assert any(field(message, "PV1", 3).startswith("OBS^") for message in messages)
    overnight = [messages for messages in by_visit.values() if messages[-1].sent_at.date() > DAY]
    assert len(overnight) > len(by_visit) / 2


def test_some_patients_come_twice_that_day(day: list[Sent]) -> None:
    visits = defaultdict(set)
    for message in applied(day):
        visits[field(message, "PID", 3)].add(message.encounter_id)
    assert Counter(len(each) for each in visits.values())[2] >= 4


def test_a_merged_patient_keeps_the_visit() -> None:
    day = hospital_day()
    merges = [message for message in day if message.kind == "ADT^A40"]
    assert merges
    for message in merges:
        old = field(message, "MRG", 1)
        under_old = {m.encounter_id for m in applied(day) if field(m, "PID", 3) == old}
        assert under_old == {message.encounter_id}
        assert old != field(message, "PID", 3)


@pytest.mark.parametrize("minutes", [15, 16, 30, 31, 90, 91])
def test_run_times_stand_on_both_sides_of_the_minutes_that_matter(day: list[Sent], minutes: int) -> None:
    ran = Counter(
        moment(field(m, "RXA", 4)) - moment(field(m, "RXA", 3))
        for m in applied(day)
        if m.kind.startswith("RAS") and field(m, "RXA", 4) and m.fault != "impossible start time"
    )
    assert ran[timedelta(minutes=minutes)] >= 3


def test_the_description_counts_every_encounter_and_message(day: list[Sent]) -> None:
    text = describe(day)
    assert f"{len(day)} messages" in text
    for name in ("emergency", "infusion centre", "oncology", "observation", "RAS^O17", "sent twice", "dead"):
        assert name in text
    assert text.isascii()
    assert describe([]) == "no messages"


def test_the_seed_examples_are_part_of_the_day_byte_for_byte(day: list[Sent]) -> None:
    assert {message.text for message in seed_examples(DAY)} <= {message.text for message in day}
