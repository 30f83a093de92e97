"""Policies: presets by payer, a site's overrides, and errors that name the nearest known word."""

import pytest

from coding import DrugClass, PolicyError, Setting, load_policy, read_policy_overrides
from coding.policy import preset_of, switch_names
from coding.rules import read_toml


@pytest.mark.parametrize(
    ("setting", "payer", "preset"),
    [
        (Setting.FACILITY, "", "medicare-opps"),
        (Setting.PROFESSIONAL, "", "medicare-professional"),
        (Setting.FACILITY, "Medicare Part A", "medicare-opps"),
        (Setting.PROFESSIONAL, "medicare", "medicare-professional"),
        (Setting.FACILITY, "Big Plan", "commercial"),
        (Setting.PROFESSIONAL, "Big Plan", "commercial"),
    ],
)
def test_the_payer_and_the_claim_choose_the_preset(setting, payer, preset):
    assert preset_of(setting, payer) == preset
    assert load_policy(setting, payer).name == preset


def test_an_unknown_payer_is_medicare_but_for_injected_biologics():
    known, unknown = load_policy(Setting.FACILITY, "medicare"), load_policy(Setting.FACILITY)
    differ = {name for name in switch_names() if getattr(known, name) != getattr(unknown, name)}
    assert differ == {"complex_biologic_injection"}


def test_a_practitioner_of_any_payer_dates_a_run_by_its_start():
    assert load_policy(Setting.PROFESSIONAL, "Big Plan").midnight_units == "start_date_all"
    assert load_policy(Setting.FACILITY, "Big Plan").midnight_units == "unit_start_date"


def test_a_site_changes_switches_and_the_name_says_so():
    policy = load_policy(
        Setting.FACILITY, "medicare", {"OVERLAP": "gross_sequential", "site_modifier": 59, "kvo_rate_ml_h": 60}
    )
    assert (policy.overlap, policy.site_modifier, policy.kvo_rate_ml_h) == ("gross_sequential", "59", 60)
    assert policy.name == "medicare-opps+kvo_rate_ml_h=60+overlap=gross_sequential+site_modifier=59"
    assert policy.digest != load_policy(Setting.FACILITY, "medicare").digest


def test_the_same_policy_has_the_same_digest():
    assert load_policy(Setting.FACILITY, "medicare").digest == load_policy(Setting.FACILITY, "medicare").digest


def test_a_site_may_speak_of_one_payer():
    overrides = read_policy_overrides('overlap = "gross_sequential"\n[payers."Big Plan"]\ntpn = "none"\n', "p.toml")
    assert load_policy(Setting.FACILITY, "big plan", overrides).tpn == "none"
    assert load_policy(Setting.FACILITY, "big plan", overrides).overlap == "gross_sequential"
    assert load_policy(Setting.FACILITY, "other", overrides).tpn == "therapeutic_review"


def test_a_site_may_put_a_drug_in_another_class():
    overrides = read_policy_overrides('[drug_classes]\ndenosumab = "chemotherapy"\n', "p.toml")
    assert load_policy(Setting.FACILITY, "", overrides).drug_classes == {"denosumab": DrugClass.CHEMOTHERAPY}


def test_a_site_s_departments_tell_policies_apart():
    west, east = ({"off_campus": {place: "excepted"}} for place in ("WEST", "EAST"))
    one, other = (load_policy(Setting.FACILITY, "medicare", overrides) for overrides in (west, east))
    assert one.off_campus == {"west": "excepted"}
    assert one.name == other.name == "medicare-opps+off_campus=1"
    assert one.digest != other.digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("overlapp = 'x'", r"p\.toml: no switch 'overlapp'; the nearest is 'overlap'"),
        ("overlap = 'gross_sequentail'", r"p\.toml: overlap: no value .*; the nearest is 'gross_sequential'"),
        ("zzz = 1", r"p\.toml: no switch 'zzz'; known are"),
        ("bag_gap_tolerance_min = 31", r"p\.toml: bag_gap_tolerance_min: must be a whole number from 0 to 30"),
        ("bag_gap_tolerance_min = true", r"must be a whole number"),
        ("bag_gap_tolerance_min = 'off'", r"must be a whole number"),
        ("overlap = true", r"overlap: no value True"),
        (
            "[drug_classes]\nx = 'chemotherapie'",
            r"drug_classes: x: no class 'chemotherapie'; the nearest is 'chemo",
        ),
        ("drug_classes = 1", r"drug_classes: must be a table"),
        ("[off_campus]\nWEST = 'exempted'", r"off_campus: WEST: no kind 'exempted'; the nearest is 'excepted'"),
        ("off_campus = 'WEST'", r"off_campus: must be a table of unit or facility"),
        ("[payers.x.off_campus]\nWEST = 'PO'", r"p\.toml \[payers\.x\]: off_campus: WEST: no kind 'PO'; known are"),
        ("payers = 1", r"p\.toml: \[payers\.NAME\] must be tables"),
        ("[payers.x]\ntppn = 'none'", r"p\.toml \[payers\.x\]: no switch 'tppn'; the nearest is 'tpn'"),
        ("overlap =", r"p\.toml: not TOML"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_on_reading(text, said):
    with pytest.raises(PolicyError, match=said):
        read_policy_overrides(text, "p.toml")


def test_a_range_has_both_its_ends():
    for minutes in (0, 30):
        policy = load_policy(Setting.FACILITY, "", {"bag_gap_tolerance_min": minutes})
        assert policy.bag_gap_tolerance_min == minutes


def test_a_switch_that_is_a_number_or_nothing_may_be_off():
    assert load_policy(Setting.FACILITY, "", {"kvo_rate_ml_h": "off"}).kvo_rate_ml_h is None


def test_every_switch_says_what_it_is_and_who_decides():
    table = read_toml("switches.toml")
    assert set(table) == set(switch_names())
    for row in table.values():
        assert {"label", "source", "decides"} <= set(row)
        assert ("values" in row) != ("range" in row)


def test_a_policy_cannot_be_changed():
    with pytest.raises(AttributeError):
        load_policy(Setting.FACILITY).overlap = "x"  # type: ignore[misc]
