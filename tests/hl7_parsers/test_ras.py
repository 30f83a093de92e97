"""RAS: which event a row is, which route and parts it has, and what is remarked on."""

from decimal import Decimal

import pytest

from hl7_parsers import STANDARD, events, load_profile, parse_message
from hl7_parsers.events import Action, Code, Component, Quantity
from tests.hl7_parsers.samples import (
    MSH,
    ORC,
    PID,
    PV1,
    RXR,
    administration,
    administrations,
    message,
    ras,
    remarks,
    rxa,
)

START, STOP = "20250106080000-0500", "20250106090000-0500"


@pytest.mark.parametrize(
    ("start", "stop", "kind", "remark"),
    [
        (START, STOP, events.AdministrationGiven, []),
        (START, "", events.AdministrationStarted, []),
        (START, " ", events.AdministrationStarted, []),
        (START, '""', events.AdministrationStarted, []),
        (START, START, events.AdministrationStarted, []),
        (STOP, START, events.AdministrationStarted, [("STOP_BEFORE_START", "RXA[1]-4")]),
        ("", STOP, events.AdministrationStopped, []),
        ("", "", events.AdministrationStarted, [("TIME_MISSING", "RXA[1]-3")]),
        ("2025", STOP, events.AdministrationGiven, [("TIME_TOO_COARSE", "RXA[1]-3")]),
        (START, "20250107", events.AdministrationGiven, [("TIME_TOO_COARSE", "RXA[1]-4")]),
        (START, "soon", events.AdministrationStarted, [("TIME_UNREADABLE", "RXA[1]-4")]),
        ("junk", STOP, events.AdministrationStopped, [("TIME_UNREADABLE", "RXA[1]-3")]),
        ("junk", "", events.AdministrationStarted, [("TIME_UNREADABLE", "RXA[1]-3")]),
    ],
)
def test_a_given_row_is_the_event_that_its_times_document(
    start: str, stop: str, kind: type, remark: list[tuple[str, str]]
) -> None:
    event = administration(rxa({3: start, 4: stop}))
    assert type(event) is kind
    assert remarks(event) == remark
    assert (event.stop is not None) == (kind in (events.AdministrationGiven, events.AdministrationStopped))


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("CP", events.AdministrationStarted),
        ("", events.AdministrationStarted),
        ("PA", events.AdministrationStarted),
        ("Given", events.AdministrationStarted),
        (" GIVEN. ", events.AdministrationStarted),
        ("Push", events.AdministrationStarted),
        ("Bolus from Bag", events.AdministrationStarted),
        ("New Bag", events.AdministrationStarted),
        ("Restarted", events.AdministrationResumed),
        ("Paused", events.AdministrationPaused),
        ("Stopped", events.AdministrationStopped),
        ("Rate Change", events.AdministrationRateChanged),
        ("Rate/Dose Verify ", events.AdministrationRateChanged),
        ("RE", events.AdministrationNotGiven),
        ("NA", events.AdministrationNotGiven),
        ("Missed", events.AdministrationNotGiven),
        ("Held", events.AdministrationNotGiven),
        ("Canceled Entry", events.AdministrationVoided),
        ("completed", events.AdministrationUnclear),
        ("WARP", events.AdministrationUnclear),
    ],
)
def test_an_action_word_says_what_happened(word: str, kind: type) -> None:
    event = administration(rxa({4: "", 20: word}))
    assert type(event) is kind
    assert event.at is not None
    assert event.word == word.strip()
    assert remarks(event) == ([("ACTION_UNKNOWN", "RXA[1]-20")] if kind is events.AdministrationUnclear else [])


@pytest.mark.parametrize("word", ["Due", "Prepared", "MAR Hold", "Verify Waste"])
def test_a_word_that_says_nothing_happened_makes_no_event_but_a_remark(word: str) -> None:
    read = parse_message(ras(rxa({20: word}), RXR))
    assert read.events == ()
    assert [(remark.id, remark.place) for remark in read.remarks] == [("ACTION_WITHOUT_EVENT", "RXA[1]-20")]


def test_a_stopped_row_with_both_times_is_the_whole_of_it() -> None:
    assert type(administration(rxa({20: "Stopped"}))) is events.AdministrationGiven


@pytest.mark.parametrize(
    ("code", "action", "kind", "remark"),
    [
        ("A", Action.ADD, events.AdministrationGiven, []),
        ("", Action.ADD, events.AdministrationGiven, []),
        ("X", Action.ADD, events.AdministrationGiven, []),
        ("U", Action.UPDATE, events.AdministrationGiven, []),
        ("D", Action.DELETE, events.AdministrationVoided, []),
        ("d", Action.DELETE, events.AdministrationVoided, []),
        ("Given", Action.ADD, events.AdministrationGiven, [("ACTION_CODE_UNKNOWN", "RXA[1]-21")]),
    ],
)
def test_the_action_code_adds_updates_or_voids(
    code: str, action: Action, kind: type, remark: list[tuple[str, str]]
) -> None:
    event = administration(rxa({21: code}))
    assert (event.action, type(event), remarks(event)) == (action, kind, remark)


def test_every_value_says_where_it_stands() -> None:
    event = administration(rxa({12: "100 mL/hr", 19: "Infection"}))
    assert event.places == {
        "placer": "ORC[1]-2",
        "filler": "ORC[1]-3",
        "route": "RXR[1]-1",
        "device": "RXR[1]-3",
        "method": "RXR[1]-4",
        "word": "RXA[1]-20",
        "at": "RXA[1]-3",
        "stop": "RXA[1]-4",
        "sub_id": "RXA[1]-2",
        "action": "RXA[1]-21",
        "entered": "RXA[1]-22",
        "rate": "RXA[1]-12",
        "dose": "RXA[1]-6",
        "drug": "RXA[1]-5",
        "indication": "RXA[1]-19",
    }


@pytest.mark.parametrize(
    ("changes", "dose", "rate", "remark"),
    [
        ({}, Quantity(Decimal(1), "g"), None, []),
        ({6: "2.5", 7: "^milligram"}, Quantity(Decimal("2.5"), "milligram"), None, []),
        ({6: "12.5", 7: "mL/hr"}, None, Quantity(Decimal("12.5"), "mL/hr"), []),
        ({12: "102ml/hr"}, Quantity(Decimal(1), "g"), Quantity(Decimal(102), "ml/hr"), []),
        ({6: "5", 7: "mL/hr", 12: "10 mL/hr"}, None, Quantity(Decimal(10), "mL/hr"), []),
        ({12: "H"}, Quantity(Decimal(1), "g"), None, []),
        ({6: ""}, None, None, []),
        ({6: "0-50"}, None, None, [("AMOUNT_UNREADABLE", "RXA[1]-6")]),
        ({6: "1,5"}, None, None, [("AMOUNT_UNREADABLE", "RXA[1]-6")]),
        ({6: "20 MEQ", 7: "MEQ"}, None, None, [("AMOUNT_UNREADABLE", "RXA[1]-6")]),
        ({6: "999", 7: ""}, None, None, [("AMOUNT_UNREADABLE", "RXA[1]-6")]),
        ({6: "999", 7: "mg"}, Quantity(Decimal(999), "mg"), None, []),
    ],
)
def test_an_amount_is_a_dose_or_a_rate_or_not_readable(
    changes: dict[int, str], dose: Quantity | None, rate: Quantity | None, remark: list[tuple[str, str]]
) -> None:
    event = administration(rxa(changes))
    assert (event.dose, event.rate, remarks(event)) == (dose, rate, remark)


@pytest.mark.parametrize(
    ("changes", "rxr", "method"),
    [
        ({}, "RXR|IV|||IVP^IV Push", "push"),
        ({}, "RXR|IV", "unknown"),
        ({12: "100 mL/hr"}, "RXR|IV", "infusion"),
        ({12: "H"}, "RXR|SC", "infusion"),
        ({6: "5", 7: "mL/hr"}, "RXR|IV", "infusion"),
        ({26: "IV"}, "RXR|IV", "infusion"),
        ({26: "MED"}, "RXR|IV", "unknown"),
        ({20: "Push"}, "RXR|IV|||CONTINUOUS", "push"),
        ({20: "Bolus", 7: "mL/hr"}, "RXR|IV", "unknown"),
        ({12: "H"}, "RXR|IV|||IVP^IV Push", "push"),  # what was recorded, before what a rate suggests
    ],
)
def test_the_method_is_told_by_word_then_record_then_rate(changes: dict[int, str], rxr: str, method: str) -> None:
    assert administration(rxa(changes), rxr).method == method


def test_a_route_after_a_run_of_rows_is_theirs_and_one_before_is_the_fallback() -> None:
    rows = [rxa({2: str(n), 3: f"202501060{n}0000", 4: ""}) for n in (1, 2, 3, 4)]
    raw = ras("RXO|SYN1", "RXR|PO", rows[0], "NTE|1||x", rows[1], "RXR|IM", rows[2], "RXR|SC", rows[3])
    assert [event.route for event in administrations(raw)] == ["intramuscular", "intramuscular", "subcutaneous", "oral"]


def test_the_first_of_alternative_routes_counts() -> None:
    assert administration(rxa(), "RXR|IV", "RXR|IM").route == "intravenous"


def test_a_device_that_no_table_knows_is_remarked_on() -> None:
    event = administration(rxa(), "RXR|IV||GIZMO")
    assert event.device == "none"
    assert remarks(event) == [("DEVICE_UNKNOWN", "RXR[1]-3")]


def test_each_order_group_is_an_order_of_its_own() -> None:
    raw = message(MSH, PID, PV1, ORC, rxa(), RXR, "ORC|RE|ORD2|FIL2", rxa(), "RXR|IM")
    found = administrations(raw)
    assert [(event.placer, event.filler, event.route) for event in found] == [
        ("ORD1", "FIL1", "intravenous"),
        ("ORD2", "FIL2", "intramuscular"),
    ]
    assert found[1].places["at"] == "RXA[2]-3"


def test_a_row_without_an_order_is_an_event_all_the_same() -> None:
    (event,) = administrations(message(MSH, PID, PV1, rxa({15: "UNIT1"})))
    assert (event.placer, event.filler, event.drug.id) == ("", "", "SYN1")


DRUG_2 = "SYN2^DRUG TWO^99SYN"


def test_rows_of_different_drugs_with_the_same_times_and_one_route_are_one_mixture() -> None:
    event = administration(rxa(), rxa({2: "2", 5: DRUG_2, 6: "5", 7: "mg"}), RXR)
    assert event.components == (
        Component(Code("SYN1", "DRUG ONE", "99SYN"), "", Quantity(Decimal(1), "g")),
        Component(Code("SYN2", "DRUG TWO", "99SYN"), "", Quantity(Decimal(5), "mg")),
    )
    assert event.drug.id == "SYN1"


@pytest.mark.parametrize(
    ("second", "rxr"),
    [
        ({5: DRUG_2, 4: "20250106093000-0500"}, RXR),  # another stop
        ({5: DRUG_2, 20: "NA"}, RXR),  # not given
        ({5: DRUG_2, 21: "D"}, RXR),
        ({2: "2"}, RXR),  # the same drug twice
        ({5: DRUG_2}, "RXR|PO"),  # two tablets
        ({5: DRUG_2}, "RXR|IM"),  # two injections
    ],
)
def test_rows_that_differ_or_cannot_mix_stay_apart(second: dict[int, str], rxr: str) -> None:
    found = administrations(ras(rxa(), rxa(second), rxr))
    assert len(found) == 2
    assert all(event.components == () for event in found)


def test_rows_without_a_start_stay_apart() -> None:
    assert len(administrations(ras(rxa({3: ""}), rxa({3: "", 5: DRUG_2}), RXR))) == 2


def test_rows_with_routes_of_their_own_stay_apart() -> None:
    assert len(administrations(ras(rxa(), RXR, rxa({5: DRUG_2}), RXR))) == 2


RXC_1, RXC_2, BASE = "RXC|A|SYN1^DRUG ONE^99SYN|1|g", "RXC|A|SYN2^DRUG TWO^99SYN|5|mg", "RXC|B|SYN9^WATER^99SYN|100|mL"


def test_components_of_the_order_make_one_bag() -> None:
    event = administration("RXO|SYN1", "RXR|IV", RXC_1, RXC_2, BASE, rxa(), RXR)
    assert [(part.drug.id, part.kind) for part in event.components] == [
        ("SYN1", "additive"),
        ("SYN2", "additive"),
        ("SYN9", "base"),
    ]
    assert event.places["components"] == "RXC[1]-2"


def test_components_that_were_ordered_and_encoded_are_not_added_up() -> None:
    segments = ("RXO|SYN1", RXC_1, RXC_2, "RXE||SYN1", RXC_1, BASE, rxa(), RXR)
    assert [part.drug.id for part in administration(*segments).components] == ["SYN1", "SYN9"]
    cerner = administration(*segments, profile=load_profile("cerner"))
    assert [part.drug.id for part in cerner.components] == ["SYN1", "SYN2"]


def test_one_component_of_the_same_drug_is_no_mixture() -> None:
    assert administration("RXO|SYN1", RXC_1, rxa(), RXR).components == ()


def test_one_component_of_another_drug_makes_two_with_the_rows_own() -> None:
    event = administration("RXO|SYN1", BASE, rxa(), RXR)
    assert [(part.drug.id, part.kind) for part in event.components] == [("SYN1", "additive"), ("SYN9", "base")]


def test_components_belong_to_no_row_when_the_order_has_rows_of_several_drugs() -> None:
    found = administrations(ras("RXO|SYN1", RXC_1, RXC_2, rxa(), RXR, rxa({5: DRUG_2}), RXR))
    assert [event.components for event in found] == [(), ()]


@pytest.mark.parametrize(
    ("segments", "minutes", "place"),
    [
        (("RXE" + "|" * 22 + "M30",), 30, "RXE[1]-22"),
        (("TQ1" + "|" * 13 + "60^min",), 60, "TQ1[1]-13"),
        (("RXE" + "|" * 22 + "H", "TQ1" + "|" * 13 + "60^min"), 60, "TQ1[1]-13"),
        (("RXE|^^^^^^^^^^M45",), 45, "RXE[1]-1"),
        (("RXE||X",), None, ""),
    ],
)
def test_planned_minutes_are_kept_apart_from_what_was_given(
    segments: tuple[str, ...], minutes: int | None, place: str
) -> None:
    event = administration(*segments, rxa({4: ""}), RXR)
    assert event.ordered_minutes == minutes
    assert event.places.get("ordered_minutes", "") == place
    assert event.stop is None


def test_a_planned_rate_is_not_taken_for_the_rate() -> None:
    assert administration("RXE" + "|" * 23 + "100|mL/hr", rxa(), RXR).rate is None


def test_notes_of_order_and_row_are_joined() -> None:
    event = administration(
        "NTE|1||of the order", rxa({9: "^of the row~1234"}), RXR, "NTE|1|CO|wrapped", "NTE|2|CO||lines"
    )
    assert event.note == "of the order wrapped lines of the row"


def test_a_flush_is_said_in_the_note() -> None:
    event = administration("NTE|1||of the order", rxa({20: "Flushed"}), RXR)
    assert isinstance(event, events.AdministrationGiven)
    assert event.note == "of the order Flushed"


def test_a_note_has_an_end() -> None:
    assert len(administration(rxa(), RXR, *["NTE|1||" + "x" * 1000] * 50).note) <= 2000


def test_the_alternate_code_is_kept() -> None:
    event = administration(rxa({5: "SYN1^DRUG ONE^L^00000000001^DRUG ONE VIAL^NDC"}))
    assert event.alternate == Code("00000000001", "DRUG ONE VIAL", "NDC")


def test_when_it_was_charted_is_the_rows_else_the_orders() -> None:
    with_row = administration(rxa())
    assert with_row.entered is not None
    assert with_row.entered.at.minute == 1
    raw = message(MSH, PID, PV1, ORC + "|" * 6 + "20250106090500-0500", rxa({22: ""}), RXR)
    (without,) = administrations(raw)
    assert without.entered is not None
    assert without.entered.at.minute == 5


def test_a_message_without_rows_says_so() -> None:
    read = parse_message(ras("RXG|1||X"))
    assert read.events == ()
    assert [remark.id for remark in read.remarks] == ["NO_ADMINISTRATION"]
    empty = parse_message(ras("RXA|0|1"))
    assert [remark.id for remark in empty.remarks] == ["ROW_EMPTY"]


def test_a_deletion_that_names_its_order_alone_is_one() -> None:
    event = administration("RXA|0|1" + "|" * 19 + "D")
    assert isinstance(event, events.AdministrationVoided)
    assert event.placer


def test_in_the_night_the_clock_goes_back_only_one_reading_is_later() -> None:
    raw = ras(rxa({3: "20251102013000", 4: "20251102011500"}), RXR).replace(b"20250106093000-0500", b"20250106093000")
    (event,) = administrations(raw, STANDARD_IN_NEW_YORK)
    assert event.at is not None
    assert event.stop is not None
    assert (event.stop.at - event.at.at).total_seconds() == 45 * 60
    assert [name for name, _ in remarks(event)] == ["TIME_AMBIGUOUS", "TIME_AMBIGUOUS"]


@pytest.mark.parametrize(
    ("start", "stop", "is_doubted"),
    [
        ("20251101230000", "20251102050000", True),  # seven hours on the clock's own night, six by one offset
        ("20250308230000", "20250309050000", True),
        ("20251101230000-0400", "20251102050000-0500", False),
        ("20250106080000", "20250106090000", False),
    ],
)
def test_one_offset_over_a_change_of_the_clock_is_doubted(start: str, stop: str, is_doubted: bool) -> None:
    (event,) = administrations(ras(rxa({3: start, 4: stop}), RXR), STANDARD_IN_NEW_YORK)
    assert (("TIME_OFFSET_DOUBTFUL", "RXA[1]-4") in remarks(event)) is is_doubted


STANDARD_IN_NEW_YORK = STANDARD.in_zone("America/New_York")


@pytest.mark.parametrize(
    ("amount", "unit", "rate", "is_doubted"),
    [
        ("100", "mL", "100 mL/hr", False),
        ("100", "mL", "149 mL/hr", False),
        ("100", "mL", "151 mL/hr", True),
        ("100", "mL", "66 mL/hr", True),
        ("100", "mg", "100mg/min", True),
        ("100", "mg", "100 mL/hr", False),
        ("60", "mL", "1 mL/min", False),
    ],
)
def test_a_rate_that_cannot_have_given_the_amount_is_doubted(
    amount: str, unit: str, rate: str, is_doubted: bool
) -> None:
    found = administration(rxa({6: amount, 7: unit, 12: rate}))
    assert (("RATE_CONTRADICTS", "RXA[1]-12") in remarks(found)) is is_doubted
