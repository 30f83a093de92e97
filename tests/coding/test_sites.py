"""When two recorded access sites are one."""

import pytest

from coding.sites import site_key


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
    ],
)
def test_lumens_and_connectors_of_one_catheter_are_one_site(one, other):
    assert site_key(one) == site_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("L AC", "R AC"), ("line 1", "line 2"), ("PICC red lumen", "port"), ("left hand", "left arm")]
)
def test_different_places_are_different_sites(one, other):
    assert site_key(one) != site_key(other)


def test_a_site_named_by_its_lumen_alone_keeps_its_name():
    assert site_key("distal lumen")
