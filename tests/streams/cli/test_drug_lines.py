"""From HL7 to drug lines: dose, package, lot and waste of RXA and NTE, and orders that nothing was given for."""

import json
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from streams.cli.code import command

FORMULARY = """code,coding_system,name,drug_class,hcpcs,hcpcs_unit,package,single_dose,ndc_unit,department
INF,99SYN,infliximab,complex_biologic,J1745,10 mg,100 mg/10 mL,yes,ML,INFUSION
OND,99SYN,ondansetron,therapeutic,J2405,1 mg,,no,,
DEX,99SYN,dexamethasone,therapeutic,J1100,1 mg,,no,,
"""
HEAD = (
    "MSH|^~\\&|MAR|SYNTH|DRIP|BILL|202603021200-0500||{kind}|{control}|P|2.5.1\r"
    "PID|1||SYN1^^^SYNTH^MR||SYNTHETIC^PATIENT||19700101|U\r"
    "PV1|1|O|INF^01^A^SYNTH||||||||||||||||V1\r"
)
INFUSION = (
    HEAD.format(kind="RAS^O17", control="C1")
    + "ORC|RE|ORD1^EHR|FIL1^RX\r"
    + "RXA|0|1|202603020800-0500|202603021000-0500|INF^infliximab^99SYN^57894003001^^NDC|305|mg"
    + "|||RN1|||||LOT7|||||CP|A\r"
    + "RXR|IV^Intravenous^HL70162||IVP^IV Pump^HL70164|IVPB^IV Piggyback^HL70165\r"
    + "NTE|1||Waste: 95 mg witnessed by RN2\r"
)
MIXTURE = (
    HEAD.format(kind="RAS^O17", control="C2")
    + "ORC|RE|ORD2^EHR|FIL2^RX\r"
    + "RXO|MIX^antiemetic mix^99SYN|1||1^bag\r"
    + "RXR|IV^Intravenous^HL70162\r"
    + "RXC|A|OND^ondansetron^99SYN|8|mg\rRXC|A|DEX^dexamethasone^99SYN|10|mg\r"
    + "RXA|0|1|202603020730-0500|202603020750-0500|MIX^antiemetic mix^99SYN|1|bag|||RN1|||||||||||CP|A\r"
    + "RXR|IV^Intravenous^HL70162|||IVPB^IV Piggyback^HL70165\r"
)
ORDER = (
    HEAD.format(kind="RDE^O11", control="C3")
    + "ORC|NW|ORD3^EHR|FIL3^RX\rRXE||OND^ondansetron^99SYN|4||mg\rRXR|IV^Intravenous^HL70162\r"
)


@pytest.fixture
def run(tmp_path: Path):
    formulary, found = tmp_path / "formulary.csv", tmp_path / "findings.ndjson"
    formulary.write_text(FORMULARY)

    def call(*messages: str, more: tuple[str, ...] = ()) -> tuple[list[dict], list[dict]]:
        arguments = ["--payer", "medicare", "--formulary", str(formulary), "--findings", str(found), *more, "-"]
        done = CliRunner().invoke(command, arguments, input="".join(messages).encode())
        assert done.exit_code == 0, done.stderr
        parts = (done.stdout, found.read_text() if found.exists() else "")
        found.unlink(missing_ok=True)
        return [[json.loads(text) for text in part.splitlines()] for part in parts]

    return call


def test_dose_package_lot_and_waste_reach_the_drug_lines(run):
    lines, findings = run(INFUSION)
    given, discarded = (line for line in lines if line["role"] == "drug")
    assert (given["code"], given["units"], given["modifiers"], given["status"]) == ("J1745", 31, [], "ready")
    assert (discarded["units"], discarded["modifiers"]) == (9, ["JW"])
    assert given["dose"] == {"amount": "305", "unit": "mg"}
    assert discarded["waste"] == {"amount": "95", "unit": "mg"}
    assert (given["hcpcs"], given["ndc"], given["ndc_quantity"], given["ndc_unit"]) == (
        "J1745", "57894003001", "30.5", "ML",
    )  # fmt: skip
    assert (given["revenue_code"], given["department"], given["lots"]) == ("0636", "INFUSION", ["LOT7"])
    assert findings == []


@pytest.mark.parametrize(
    ("dose", "unit", "said"),
    [("1000|mg", "10 mg", ("1000", "100")), ("1|g", "10 mcg", ("1000000", "100")), ("0.0000001|g", "1 g", None)],
)
def test_amounts_are_digits_and_a_point_and_never_an_exponent(run, tmp_path, dose, unit, said):
    (tmp_path / "formulary.csv").write_text(FORMULARY.replace("10 mg,", f"{unit},", 1))
    schema = json.loads(resources.files("streams.schemas").joinpath("claim_line.schema.json").read_text())
    lines, _ = run(INFUSION.replace("305|mg", dose).replace("95 mg", "0 mg"))
    (drug,) = (line for line in lines if line["role"] == "drug")
    Draft202012Validator(schema).validate(drug)
    assert (drug["dose"]["amount"], drug["ndc_quantity"]) == (said or ("0.0000001", None))


def test_administration_and_drug_lines_point_at_each_other(run):
    lines, _ = run(INFUSION)
    drugs = [line["claim_line_id"] for line in lines if line["role"] == "drug"]
    others = [line for line in lines if line["role"] != "drug"]
    assert {line["code"] for line in others} == {"96413", "96415"}
    assert all(line["drug_line_ids"] == drugs for line in others)
    assert all(line["administration_ids"] == others[0]["administration_ids"] for line in lines)
    assert [line["line_number"] for line in lines] == [1, 2, 3, 4]


def test_every_line_fits_the_published_schema(run):
    schema = json.loads(resources.files("streams.schemas").joinpath("claim_line.schema.json").read_text())
    lines, _ = run(INFUSION, MIXTURE)
    assert {line["code"] for line in lines} >= {"J1745", "J2405", "J1100"}
    for line in lines:
        Draft202012Validator(schema).validate(line)


def test_the_drugs_of_a_mixture_have_their_own_doses(run):
    lines, _ = run(MIXTURE)
    assert {line["code"]: line["units"] for line in lines if line["role"] == "drug"} == {"J2405": 8, "J1100": 10}


def test_an_order_that_nothing_was_charted_for_is_told_with_its_message(run):
    _, findings = run(INFUSION, ORDER)
    assert [(one["kind"], one["message_control_ids"]) for one in findings] == [("ORDER_NOT_GIVEN", ["C3"])]
    assert findings[0]["text"].endswith("Make sure that nothing was given. Order FIL3, ORD3: ondansetron.")
    assert findings[0]["codes_at_stake"] == [{"code": "J2405", "units": 4}]  # the way is not ordered: no service
    stopped = ORDER.replace("ORC|NW", "ORC|DC").replace("|C3|", "|C4|")
    assert run(INFUSION, ORDER, stopped)[1] == []


def test_an_order_puts_the_service_at_stake_that_pharmacy_encoded(run):
    requested = HEAD.format(kind="OMP^O09", control="C4") + (
        "ORC|NW|ORD3^EHR\rRXO|OND^ondansetron^99SYN|8||mg\rRXR|IM^Intramuscular^HL70162\r"
    )
    encoded = ORDER.replace("HL70162\r", "HL70162||IVP^IV Pump^HL70164|IVPB^IV Piggyback^HL70165\r")
    for messages in ((encoded, requested), (requested, encoded)):
        (finding,) = run(INFUSION, *messages)[1]
        at_stake = [(one["code"], one["units"]) for one in finding["codes_at_stake"]]
        assert at_stake == [("96367", 1), ("J2405", 4)]


def test_explain_tells_findings_that_no_line_has_with_what_depends_on_them(run, tmp_path):
    arguments = ["--formulary", str(tmp_path / "formulary.csv"), "--explain", "-"]
    run(INFUSION)
    unknown = INFUSION.replace("|305|mg", "||").replace("LOT7", "")
    done = CliRunner().invoke(command, arguments, input=(unknown + ORDER).encode())
    assert "DOSE_MISSING (hold) <ORD1:1>: " in done.stdout
    assert " At stake: J1745.\n" in done.stdout
    assert "ORDER_NOT_GIVEN (notice) <the encounter>: " in done.stdout
    assert " At stake: J2405 x4.\n" in done.stdout


def test_switched_off_there_are_no_drug_lines(run, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text('drug_lines = "off"\n')
    lines, findings = run(INFUSION, more=("--policy", str(policy)))
    assert [line["code"] for line in lines] == ["96413", "96415"]
    assert not any("drug_line_ids" in line for line in lines)
    assert findings == []


def test_explain_shows_the_drug_and_its_arithmetic(run, tmp_path):
    formulary = tmp_path / "formulary.csv"
    arguments = ["--formulary", str(formulary), "--explain", "-"]
    done = CliRunner().invoke(command, arguments, input=INFUSION.encode())
    assert "J1745 x31 [ready] infliximab" in done.stdout
    assert "305 mg of the date (1 given), a unit is 10 mg: 31, rounded up once." in done.stdout
