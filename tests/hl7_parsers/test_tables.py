"""Routes, methods and devices: known words become ours, unknown ones stay unknown."""

import pytest

from hl7_parsers import tables
from hl7_parsers.events import Code
from hl7_parsers.fields import NO_CODE


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (Code("IV", "Intravenous", "HL70162"), "intravenous"),
        (Code("IVPB"), "intravenous"),
        (Code("", "Intravenous"), "intravenous"),
        (Code("39", "I.V. Push"), "intravenous"),  # a local number, a text that is known
        (Code("IV", "INTRAVEN."), "intravenous"),
        (Code("IM", "Intramuscular"), "intramuscular"),
        (Code("SubQ"), "subcutaneous"),
        (Code("", "IV - Intravenous"), "intravenous"),
        (Code("47625008", "Intravenous route", "SCT"), "intravenous"),
        (Code("34206005", "", "SCT"), "subcutaneous"),
        (Code("C28161", "INTRAMUSCULAR", "NCI"), "intramuscular"),
        (Code("SC", "Sub-Cutaneous"), "subcutaneous"),
        (Code("ID"), "intradermal"),
        (Code("IA", "Intra-arterial"), "intra_arterial"),
        (Code("IT"), "intrathecal"),
        (Code("EP"), "epidural"),
        (Code("PO", "Oral"), "oral"),
        (Code("", "by mouth"), "oral"),
        (Code("TP", "Topical"), "other"),
        (Code("OTH", "Other"), "other"),
        (Code("OTH", "Intraperitoneal", "HL70162"), "intraperitoneal"),
        (Code("OTH", "by hand"), "other"),
        (Code("IN", "Intravenous"), "unknown"),
        (Code("IV", "静脈内", "HL70162"), "intravenous"),
        (Code("IV", "Oral"), "unknown"),  # they contradict each other
        (Code("39"), "unknown"),
        (Code("nerv", "route"), "unknown"),
        (Code("INJ", "Injection"), "unknown"),
        (NO_CODE, "unknown"),
    ],
)
def test_a_route_is_known_or_unknown_never_guessed(code: Code, word: str) -> None:
    assert tables.route(code) == word


@pytest.mark.parametrize(
    ("recorded", "route", "word"),
    [
        (Code("IVPB", "IV Piggyback", "HL70165"), NO_CODE, "infusion"),
        (Code("IVP", "IV Push", "HL70165"), NO_CODE, "push"),
        (Code("CONTINUOUS"), Code("IV"), "infusion"),
        (Code("INTERMITTENT"), Code("IV"), "infusion"),
        (Code("IDUR"), Code("IV"), "infusion"),
        (Code("MED"), Code("IV"), "unknown"),
        (NO_CODE, Code("IVP"), "push"),  # the route says it
        (NO_CODE, Code("IVPB"), "infusion"),
        (NO_CODE, Code("", "IV Continuous"), "infusion"),
        (NO_CODE, Code("", "IM Injection"), "injection"),
        (Code("Push"), Code("IVPB"), "push"),  # what was recorded, before what the route says
        (NO_CODE, Code("IV"), "unknown"),
        (Code("CH", "Chew"), NO_CODE, "unknown"),
    ],
)
def test_a_method_is_what_was_recorded_else_what_the_route_says(recorded: Code, route: Code, word: str) -> None:
    assert tables.method(recorded, route) == word


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (Code("IVP", "IV Pump", "HL70164"), "pump"),  # in RXR-3 a pump, in RXR-4 a push
        (Code("PCA"), "pump"),
        (Code("", "CADD"), "portable_pump"),
        (Code("", "Ambulatory pump"), "portable_pump"),
        (Code("", "Implantable pump"), "implanted_pump"),
        (Code("OBI", "On-body injector"), "on_body_injector"),
        (Code("HL", "Heparin Lock", "HL70164"), "none"),
        (NO_CODE, "none"),
        (Code("GIZMO"), None),
    ],
)
def test_a_device_is_known_absent_or_not_known(code: Code, word: str | None) -> None:
    assert tables.device(code) == word
