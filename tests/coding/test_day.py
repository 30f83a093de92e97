"""Several encounters of one date: edge case 17 and its neighbours."""

from datetime import date

from msgspec.structs import replace

from coding import (
    Completion,
    Drug,
    DrugOrder,
    Issue,
    LimitRow,
    PairRow,
    Setting,
    Status,
    code_day,
    default_formulary,
    load_policy,
    load_tables,
)
from tests.coding import build

MORNING = replace(
    build.encounter([build.administration("a1", "docetaxel", "infusion", "port", "8:00", "10:00")]), encounter_id="E1"
)


def afternoon(start: str):
    hour = int(start.split(":", maxsplit=1)[0])
    given = [
        build.administration("a2", "lorazepam", "push", "L-AC", start),
        build.administration("a3", "saline", "iv", "L-AC", start, f"{hour + 1}:{start.split(':')[1]}"),
    ]
    return replace(build.encounter(given), encounter_id="E2")


def visit(name: str, *given: str, words: tuple[str, ...] = (), **fields):
    ones = [build.administration(f"{name}{place}", *words_.split()) for place, words_ in enumerate(given, 1)]
    return replace(build.encounter(ones, words), encounter_id=name, **fields)


def twice(*given: str, **fields):
    """A visit at eight and the same again at twenty hours."""
    return [visit(name, *(one.format(hour) for one in given), **fields) for name, hour in (("E1", 8), ("E2", 20))]


def kinds(coded):
    return [(finding.kind, finding.administration_ids) for finding in coded.findings]


def day(*encounters, payer="medicare", **switches):
    return code_day(encounters, load_policy(Setting.FACILITY, payer, switches), default_formulary())


def told(coded):
    return [(line.code, line.modifiers) for line in coded.lines]


def test_a_second_encounter_of_the_date_has_an_initial_of_its_own_with_the_modifier():
    first, second = day(afternoon("15:00"), MORNING)
    assert told(first) == [("96413", ()), ("96415", ())]
    assert told(second) == [("96374", ("XE",)), ("96361", ())]
    assert second.findings == ()
    assert second.lines[0].reasons[-1].rule == "SECOND_VISIT"
    assert "SECOND_VISIT" not in {reason.rule for reason in second.lines[1].reasons}


def test_other_payers_want_modifier_59():
    assert told(day(MORNING, afternoon("15:00"), payer="Big Plan")[1])[0] == ("96374", ("59",))


def test_less_than_an_hour_apart_they_may_be_one():
    _, second = day(MORNING, afternoon("10:59"))
    assert [finding.kind for finding in second.findings] == ["ENCOUNTER_BOUNDARY"]
    assert second.lines[0].status is Status.REVIEW
    assert second.lines[0].findings == (second.findings[0].finding_id,)


def test_of_three_the_last_decides_nothing_between_the_first_two():
    _, second, _ = day(MORNING, afternoon("10:59"), visit("E3", "famotidine push L 20:00"))
    assert [finding.kind for finding in second.findings] == ["ENCOUNTER_BOUNDARY"]


def test_an_hour_apart_they_are_two():
    assert day(MORNING, afternoon("11:00"))[1].findings == ()


def test_another_date_needs_no_modifier():
    assert told(day(MORNING, afternoon("39:00"))[1])[0] == ("96374", ())


def test_a_payer_may_take_one_initial_a_day():
    (whole,) = day(MORNING, afternoon("15:00"), second_visit="one_per_day", second_site="downgrade")
    assert sorted(line.code for line in whole.lines) == ["96361", "96375", "96413", "96415"]


def test_one_initial_a_day_ends_with_the_last_departure():
    morning = replace(MORNING, departed_at=build.at("12:00"))
    evening = replace(afternoon("15:00"), departed_at=build.at("15:40"))
    (whole,) = day(evening, morning, second_visit="one_per_day", second_site="downgrade")
    assert whole.encounter_id == "E1"
    assert {line.code: line.minutes for line in whole.lines}["96361"] == 40


def test_an_encounter_without_times_comes_first_and_sets_nothing_apart():
    untimed = replace(build.encounter([build.administration("a9", "ondansetron", "push", "-", "-")]), encounter_id="E0")
    first, second = day(MORNING, untimed)
    assert (first.encounter_id, first.lines) == ("E0", ())
    assert told(second) == [("96413", ()), ("96415", ())]


def test_no_encounter_is_no_claim():
    assert day(second_visit="one_per_day") == day() == ()


def test_the_modifier_stands_before_that_of_a_department_off_campus():
    first, second = day(*twice("vancomycin infusion L {0}:00 {0}:30", location="West"), off_campus={"west": "excepted"})
    assert told(first) == [("96365", ("PO",))]
    assert told(second) == [("96365", ("XE", "PO"))]


def test_the_modifier_stands_behind_that_of_an_infusion_stopped_early():
    stopped = twice("ceftriaxone infusion L {0}:00 {0}:10 completion=partly_given")
    first, second = day(*stopped, stopped_early_modifier="53")
    assert told(first) == [("96365", ("53",))]
    assert told(second) == [("96365", ("53", "XE"))]


def test_a_second_access_site_of_a_later_encounter_keeps_its_own_modifier():
    one, other = "vancomycin infusion L {0}:00 {0}:30", "cefepime infusion R {0}:00 {0}:20 second_site_reason=x"
    _, second = day(*twice(one, other))
    assert told(second) == [("96365", ("XE",)), ("96365", ("XS",))]


def test_a_code_paired_with_one_of_an_earlier_encounter_is_set_apart_too():
    morning, evening = visit("E1", "vancomycin infusion L 8:00 9:00"), visit("E2", "ketorolac im - 20:00")
    assert told(day(morning, evening)[1]) == [("96372", ("XE",))]
    assert told(day(morning, evening, pair_modifier="none")[1]) == [("96372", ())]
    assert told(day(morning, visit("E2", "ketorolac im - 32:00"))[1]) == [("96372", ())]
    held = visit("E1", "vancomycin infusion L 8:00")
    assert told(day(held, evening)[1]) == [("96372", ())]
    assert told(day(visit("E1", "ketorolac im - 8:00"), visit("E2", "cefepime infusion L 20:00 21:00"))[1]) == [
        ("96365", ("XE",))
    ]


def test_a_code_that_no_modifier_lifts_beside_an_earlier_encounter_asks_for_a_look():
    flush = visit("E2", "saline_flush iv port 20:00")
    _, second = day(visit("E1", "vancomycin infusion L 8:00 9:00"), flush)
    assert told(second) == [("96523", ())]
    assert second.lines[0].status is Status.REVIEW
    assert ("PAIR_NOT_PAID", ("E21",)) in kinds(second)
    (stake,) = [one.codes_at_stake for one in second.findings if one.kind == "PAIR_NOT_PAID"]
    assert [(one.code, one.units) for one in stake] == [("96523", 1)]
    assert "PAIR_NOT_PAID" not in dict(kinds(day(visit("E1", "vancomycin infusion L 8:00"), flush)[1]))  # held
    of_next_date = visit("E2", "saline_flush iv port 32:00")
    assert "PAIR_NOT_PAID" not in dict(kinds(day(visit("E1", "vancomycin infusion L 8:00 9:00"), of_next_date)[1]))
    held = replace(flush, administrations=(replace(flush.administrations[0], completion=Completion.UNKNOWN),))
    _, second = day(visit("E1", "vancomycin infusion L 8:00 9:00"), held)
    assert second.lines[0].status is Status.HOLD
    assert "PAIR_NOT_PAID" not in dict(kinds(second))


def test_first_pushes_of_two_encounters_are_more_than_the_date_takes():
    first, second = day(*twice("ondansetron push L {0}:00"))
    assert first.findings == ()
    assert kinds(second) == [("MUE_EXCEEDED", ("E21",))]
    assert second.lines[0].status is Status.REVIEW
    assert second.lines[0].findings == (second.findings[0].finding_id,)
    assert [(one.code, one.units) for one in second.findings[0].codes_at_stake] == [("96374", 1)]
    assert day(*twice("ondansetron push L {0}:00"), unit_caps="none")[1].findings == ()
    assert day(*twice("vancomycin infusion L {0}:00 {0}:30"))[1].findings == ()


def test_an_absolute_limit_cuts_off_what_a_later_encounter_has_more():
    given = "vancomycin infusion L {0}:00 {0}:30", "cefepime infusion L {0}:00 {0}:30"
    first, second = day(*twice(*given))
    assert told(first) == [("96365", ()), ("96368", ())]
    assert told(second) == [("96365", ("XE",))]
    assert kinds(second) == [("MAI2_CAPPED", ("E22",))]
    third = visit("E3", *(one.format(22) for one in given))
    assert kinds(day(*twice(*given), third)[2]) == [("MAI2_CAPPED", ("E32",)), ("MUE_EXCEEDED", ("E31",))]


def test_a_limit_that_an_encounter_exceeds_alone_is_told_once():
    sites = [f"cefepime push {site} {{0}}:00 second_site_reason=x" for site in ("A", "B")]
    _, second = day(*twice(*sites))
    assert [kind for kind, _ in kinds(second)] == ["MUE_EXCEEDED"]
    assert {len(line.findings) for line in second.lines} == {1}


def test_a_held_line_takes_nothing_of_a_limit():
    sites = [f"cefepime push {site} 8:00 second_site_reason=x" for site in ("A", "B")]
    held = visit("E2", "cefepime push A 20:00 21:00")
    _, second = day(visit("E1", *sites), held)
    assert [(line.code, line.status) for line in second.lines] == [("96374", Status.HOLD)]
    assert [kind for kind, _ in kinds(second)] == ["MODE_TIME_CONFLICT"]


def test_what_is_set_apart_has_another_id_than_alone():
    (alone,) = day(twice("ondansetron push L {0}:00")[1])
    _, beside = day(*twice("ondansetron push L {0}:00"))
    assert alone.claim_set_id != beside.claim_set_id
    assert alone.lines[0].claim_line_id != beside.lines[0].claim_line_id


def test_one_initial_a_day_leaves_cancelled_encounters_by_themselves():
    morning, evening = twice("vancomycin infusion L {0}:00 {0}:30")
    for cancelled, stands in ((morning, evening), (evening, morning)):
        coded = day(replace(cancelled, is_cancelled=True), stands, second_visit="one_per_day")
        assert {one.encounter_id: told(one) for one in coded} == {
            cancelled.encounter_id: [],
            stands.encounter_id: [("96365", ())],
        }
    assert [told(one) for one in day(replace(morning, is_cancelled=True), second_visit="one_per_day")] == [[]]


def test_one_initial_a_day_ends_with_an_admission_in_any_encounter():
    given, away = "vancomycin infusion L {0}:00 {0}:50", {"second_visit": "one_per_day", "payment_window": "off"}
    morning, evening = twice(given)
    (whole,) = day(
        morning, replace(evening, status_changes=visit("E", words=("inpatient=20:20",)).status_changes), **away
    )
    assert [(line.code, line.units, line.minutes) for line in whole.lines] == [("96365", 1, 50), ("96366", 1, 20)]
    (whole,) = day(
        replace(morning, status_changes=visit("E", words=("inpatient=8:20",)).status_changes), evening, **away
    )
    assert [(line.code, line.units, line.minutes) for line in whole.lines] == [("96365", 1, 50), ("96366", 1, 20)]


FIVE = ["vancomycin infusion L {0}:00 {0}:30", "cefepime infusion L {0}:30 {0}:50"]
NEXT = ["metronidazole infusion L {1}:00 {1}:20", "ceftriaxone infusion L {1}:20 {1}:40"]


def hours(name: str, first: int, *given: str):
    return visit(name, *(one.format(first, first + 1) for one in given))


def test_only_units_of_one_date_are_added():
    assert (
        kinds(day(hours("E1", 8, "ondansetron push L {0}:00"), hours("E2", 32, "ondansetron push L {0}:00"))[1]) == []
    )
    morning = hours("E1", 8, *FIVE, NEXT[0])  # two of 96367
    over_midnight = hours(
        "E2", 22, *FIVE, NEXT[0], "ketorolac infusion L 24:00 24:20", "morphine infusion L 25:00 25:20"
    )
    _, second = day(morning, over_midnight)
    assert sum(line.units for line in second.lines if line.code == "96367") == 4
    assert kinds(second) == []
    _, second = day(morning, hours("E2", 20, *FIVE, *NEXT))
    assert kinds(second) == [("MUE_EXCEEDED", ("E22", "E23", "E24"))]
    (alone,) = day(hours("E2", 20, *FIVE, *NEXT))
    changed = {line.claim_line_id for line in second.lines} - {line.claim_line_id for line in alone.lines}
    assert len(changed) == len(second.lines)  # 96365 has the modifier, the others the finding


def test_what_is_left_of_an_absolute_limit_goes_to_the_first_lines():
    rows = LimitRow("96367", date(2025, 1, 1), None, 3, "2"), LimitRow("96365", date(2025, 1, 1), None, 2, "3")
    tables = load_tables([Issue("limits", None, "limits", date(2025, 1, 1), date.max, rows)])
    given = [hours("E1", 8, *FIVE, NEXT[0]), hours("E2", 20, *FIVE, *NEXT)]
    _, second = code_day(given, load_policy(Setting.FACILITY, "medicare"), default_formulary(), tables)
    assert [(line.code, line.administration_ids, line.status.value) for line in second.lines] == [
        ("96365", ("E21",), "ready"),
        ("96367", ("E22",), "review"),
    ]


def test_lines_of_drugs_stay_as_they_are():
    formulary = default_formulary().with_site_rows(
        "code,coding_system,name,drug_class,hcpcs,hcpcs_unit,single_dose\nX,L,ceftriaxone,therapeutic,J0696,250 mg,no",
        "f",
    )
    since = date(2025, 1, 1)
    limits = Issue("limits", None, "limits", since, date.max, (LimitRow("J0696", since, None, 4, "3"),))
    pairs = Issue("pairs", None, "pairs", since, date.max, (PairRow("96365", "J0696", since, None, "1"),))
    policy, tables = load_policy(Setting.FACILITY, "medicare"), load_tables([limits, pairs])
    given = twice("ceftriaxone infusion L {0}:00 {0}:30 dose=1_g")
    _, second = code_day(given, policy, formulary, tables)
    drug = next(line for line in second.lines if line.billed)
    assert (drug.status, drug.modifiers) == (Status.READY, ())
    assert drug.claim_line_id in second.lines[0].drug_line_ids


def test_one_initial_a_day_has_the_orders_remarks_and_reason_of_all():
    morning, evening = twice("ondansetron push L {0}:00", "vancomycin infusion L {0}:10 {0}:50")
    order = DrugOrder(numbers=("O1",), drug=Drug("", "", "ketorolac"), message_control_ids=("M",))
    evening = replace(
        evening,
        orders=(order,),
        remarks=("class_unknown",),
        setting=Setting.PROFESSIONAL,
        primary_reason_administration_id="E21",
    )
    morning = replace(morning, setting=Setting.PROFESSIONAL)
    policy = load_policy(Setting.PROFESSIONAL, "medicare", {"second_visit": "one_per_day"})
    (whole,) = code_day([morning, evening], policy, default_formulary())
    assert {kind for kind, _ in kinds(whole)} >= {"ORDER_NOT_GIVEN", "CLASS_UNKNOWN"}
    initial = [line for line in whole.lines if line.code == "96374"]
    assert [line.administration_ids for line in initial] == [("E21",)]


def test_one_initial_a_day_who_came_again_came_at_the_arrival():
    morning, evening = twice("vancomycin infusion L {0}:00 {0}:50")
    admitted = visit("E", words=("inpatient=8:20",)).status_changes
    whole = day(
        replace(morning, status_changes=admitted),
        replace(evening, arrived_at=build.at("20:30")),
        second_visit="one_per_day",
        payment_window="off",
    )
    assert [(line.code, line.minutes) for line in whole[0].lines] == [("96365", 20), ("96366", 20)]
