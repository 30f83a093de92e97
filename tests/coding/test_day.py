"""Several encounters of one date: edge case 17 and its neighbours."""

from msgspec.structs import replace

from coding import Setting, Status, code_day, default_formulary, load_policy
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
