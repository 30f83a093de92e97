"""837: accepted by pyx12 in the synthetic form; fragments are the same claims without the people."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
import pyx12.params
from pyx12.x12n_document import x12n_document

from streams.formats.charge import Charge, News
from streams.formats.x12 import FRAGMENTS, SYNTHETIC, Claims, claim_id
from tests.streams.issued import drug_line, line


def errors(content: bytes) -> list[Any]:
    """What pyx12 has against an interchange."""
    acknowledgement, found = io.StringIO(), io.StringIO()
    is_valid = x12n_document(pyx12.params.params(), io.StringIO(content.decode()), acknowledgement, None, fd_json=found)
    (interchange,) = json.loads(found.getvalue())["interchanges"]
    (group,) = interchange["groups"]
    (transaction,) = group["transactions"]
    problems = [*interchange["errors"], *group["errors"], *transaction["errors"], *transaction["segments"]]
    assert is_valid == (not problems)
    assert ("AK9*A" in acknowledgement.getvalue()) == is_valid
    return problems


def news(setting: str = "facility", **changed: Any) -> list[News]:
    lines = [
        line("a", setting=setting, modifiers=["59", "XU", "GC", "Q0", "Q1"]),
        line("b", setting=setting, code="96413", service_family="chemotherapy", service_date="2026-03-03"),
        drug_line("c", setting=setting),
    ]
    made = [Charge(f"TRANSACTION{place}", one) for place, one in enumerate(lines)]
    first = News("k1", 1, **{"reversed": [], "made": made, "standing": made, "was_told": False, **changed})
    other = Charge("OTHER", line("d", "V2 with * and ~, longer than what a claim number may be", setting=setting))
    return [first, News("k2", 1, [], [other], [other], was_told=False)]


def segments(content: bytes) -> list[list[str]]:
    return [one.strip().split("*") for one in content.decode().split("~") if one.strip()]


def named(content: bytes, name: str) -> list[list[str]]:
    return [one for one in segments(content) if one[0] == name]


@pytest.mark.parametrize("setting", ["facility", "professional"])
def test_the_synthetic_interchange_is_accepted(setting: str) -> None:
    (document,) = Claims(SYNTHETIC).documents(news(setting), 12)
    assert errors(document.content) == []
    assert named(document.content, "ISA")[0][15] == "T"


@pytest.mark.parametrize(
    ("wrong", "right"), [("SV2*0260*HC:96365", "SV2**HC:96365"), ("*D8*", "*XX*"), ("LX*2", "XL*2")]
)
def test_what_is_wrong_is_not_accepted(wrong: str, right: str) -> None:
    (document,) = Claims(SYNTHETIC).documents(news(), 12)
    assert wrong.encode() in document.content
    assert errors(document.content.replace(wrong.encode(), right.encode())) != []


def test_service_lines_say_code_modifiers_units_date_and_id() -> None:
    (document,) = Claims().documents(news(), 12)
    assert named(document.content, "SV2")[:3] == [
        ["SV2", "0260", "HC:96365:59:XU:GC:Q0", "0", "UN", "1"],
        ["SV2", "0335", "HC:96413", "0", "UN", "1"],
        ["SV2", "0636", "HC:J1745:JZ", "0", "UN", "30"],
    ]
    assert [one[3] for one in named(document.content, "DTP") if one[1] == "472"][:2] == ["20260302", "20260303"]
    assert ["DTP", "434", "RD8", "20260302-20260303"] in segments(document.content)
    assert named(document.content, "REF")[0] == ["REF", "6R", "TRANSACTION0"]
    assert named(document.content, "LIN") == [["LIN", "", "N4", "57894003001"]]
    assert named(document.content, "CTP") == [["CTP", "", "", "", "3", "UN"]]


@pytest.mark.parametrize("setting", ["facility", "professional"])
def test_a_drug_without_a_code_of_its_own_is_told_by_name_and_dose(setting: str) -> None:
    drug = {"code": "X", "system": "99SYN", "name": "newdrug*umab"}
    dose = {"amount": "250", "unit": "mg"}
    of_drug = {**drug_line("n", setting=setting), "code": "J3590", "hcpcs": "J3590", "drug": drug, "dose": dose}
    charge = Charge("NOC", of_drug)
    (document,) = Claims(SYNTHETIC).documents([News("k", 1, [], [charge], [charge], was_told=False)], 12)
    name, place = ("SV2", 2) if setting == "facility" else ("SV1", 1)
    assert named(document.content, name)[0][place] == "HC:J3590:JZ::::newdrugumab 250 mg"
    assert errors(document.content) == []


def test_a_fragment_is_the_claim_of_the_interchange_without_its_people() -> None:
    (fragment,) = Claims(FRAGMENTS).documents(news(), 12)
    (whole,) = Claims(SYNTHETIC).documents(news(), 12)
    mine = segments(fragment.content)
    assert mine[0][0] == "CLM"
    assert [one for one in segments(whole.content) if one in mine] == mine
    assert "SYNTHETIC" not in fragment.content.decode()


@pytest.mark.parametrize(
    ("stands", "was_told", "frequency"), [(True, False, "1"), (True, True, "7"), (False, True, "8")]
)
def test_what_changed_replaces_the_claim_and_what_is_gone_voids_it(
    stands: bool, was_told: bool, frequency: str
) -> None:
    gone = [Charge("GONE", line("z"))]
    changed: dict[str, Any] = {"was_told": was_told, "reversed": gone if was_told else []}
    if not stands:
        changed |= {"made": [], "standing": []}
    for form in (FRAGMENTS, SYNTHETIC):
        (document,) = Claims(form).documents(news(**changed), 12)
        assert named(document.content, "CLM")[0][5] == f"13:A:{frequency}"
        ids = [one[2] for one in named(document.content, "REF") if one[1] == "6R"]
        assert ("GONE" in ids) == (not stands)
    assert errors(document.content) == []


def test_each_kind_of_claim_has_a_file_of_its_own() -> None:
    both: Sequence[News] = [*news("facility"), *news("professional")]
    assert [one.name for one in Claims().documents(both, 3)] == ["837I-00000003.x12", "837P-00000003.x12"]


def test_claim_numbers_are_kept_apart_when_they_are_cut() -> None:
    assert claim_id("V1") == "V1"
    long = [claim_id("V" * 60 + letter) for letter in "AB"]
    assert len(set(long)) == 2
    assert max(map(len, long)) <= 38
    assert claim_id("V*1") != claim_id("V~1")
