"""When two recorded access sites are one."""

import pytest

from coding import Setting, code_encounter, default_formulary, load_policy
from coding.sites import site_key
from tests.coding import build


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("L AC", "l  ac"),
        ("line 1", "line 1 (Y-connector)"),
        ("line 2 (different anatomical site)", "line 2"),
        ("PICC red lumen", "PICC blue lumen"),
        ("PICC, distal lumen", "PICC"),
        ("PICC lumen 1", "PICC lumen 2"),
        ("triple lumen CVC - proximal", "triple lumen CVC - distal"),
        ("port Y-site", "port"),
        ("L-AC", "Left AC"),
        ("LAC", "left antecubital fossa"),
        ("Peripheral IV 03/02/26 20 G Left Antecubital", "PIV L AC"),
        ("Forearm, right", "RFA"),
        ("LH", "left hand IV"),
        ("Rt. upper arm PICC", "PICC right upper arm"),
        ("Port-A-Cath", "implanted port"),
        ("CVC R IJ", "right internal jugular central line"),
    ],
)
def test_lumens_and_connectors_of_one_catheter_are_one_site(one, other):
    assert site_key(one) == site_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("L AC", "R AC"),
        ("line 1", "line 2"),
        ("PICC red lumen", "port"),
        ("left hand", "left arm"),
        ("PIV 1", "PIV 2"),
        ("LFA #1", "LFA #2"),
        ("left upper forearm", "left lower forearm"),
        ("LH PIV", "LH PICC"),
    ],
)
def test_different_places_are_different_sites(one, other):
    assert site_key(one) != site_key(other)


def test_a_site_named_by_its_lumen_alone_keeps_its_name():
    assert site_key("distal lumen")


def test_a_line_without_a_site_of_its_own_shows_the_recorded_name_of_the_one_it_was_put_to():
    given = [
        build.administration("a1", "vancomycin", "infusion", "L_AC", "09:00", "10:00"),
        build.administration("a2", "ondansetron", "push", "-", "10:10"),
    ]
    coded = code_encounter(build.encounter(given), load_policy(Setting.FACILITY), default_formulary())
    assert [(line.code, line.access_site) for line in coded.lines] == [("96365", "L AC"), ("96375", "L AC")]
