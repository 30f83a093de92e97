"""What a person is shown."""

from coding import Setting, code_encounter, default_formulary, explain, load_policy
from tests.coding import build


def test_the_view_has_a_timeline_the_lines_and_their_sources():
    encounter = build.encounter(
        [
            build.administration("a1", "ceftriaxone", "infusion", "L-AC", "10:00", "11:31"),
            build.administration("a2", "vancomycin", "infusion", "L-AC", "-", "12:00"),
            build.administration("a3", "ondansetron", "oral", "-", "12:00"),
        ]
    )
    shown = explain(encounter, code_encounter(encounter, load_policy(Setting.FACILITY), default_formulary()))
    assert "L-AC\n  01-06 10:00-01-06 11:31" in shown
    assert "?-01-06 12:00" in shown
    assert "2025-01-06 96366 x1 [review] therapeutic infusion, more hours, 91 minutes <a1>" in shown
    assert "ADDITIONAL_HOURS; CMS Pub. 100-04, ch. 4, sec. 230.2" in shown
    assert "! NO_START (hold): " in shown
    assert "ROUTE_NOT_OURS (notice) <a3>: " in shown


def test_the_view_uses_the_hospital_clock():
    one = build.administration("a1", "ceftriaxone", "infusion", "L-AC", "10:00", "11:00")
    encounter = build.encounter([one], ["time_zone=America/New_York"])
    coded = code_encounter(encounter, load_policy(Setting.FACILITY), default_formulary())
    assert "01-06 05:00-01-06 06:00" in explain(encounter, coded)
