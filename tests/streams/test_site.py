"""What the site's settings make of a message: the payer it names, and that payer's policy."""

import random
from pathlib import Path

import msgspec
import pytest

from hl7_parsers import parse_message
from hl7_parsers.events import Message
from streams.assemble import Site, assemble
from streams.settings import SettingsError, load_settings
from streams.site import coder_of, read_payer_map, site_of
from tests.streams.build import closed, fact, given, opened
from tests.streams.cluster import Cluster, folded, oracle

ADT = (
    b"MSH|^~\\&|ADT|SYNTH|DRIP|BILL|20260302080000-0500||ADT^A04|A1|P|2.5.1\rEVN|A04|20260302080000-0500\r"
    b"PID|1||SYN1^^^SYNTH^MR\rPV1|1|O|||||||||||||||||V1\rIN1|1|PPO7^Gold|SYNCO^^^X|Synthetic Insurance\r"
)


def insured(message: Message, plan: str = "", insurer: str = "") -> Message:
    return msgspec.structs.replace(message, visit=msgspec.structs.replace(message.visit, plan=plan, insurer=insurer))


def test_the_first_insurance_of_a_message_is_read() -> None:
    visit = parse_message(ADT).visit
    assert (visit.plan, visit.insurer) == ("PPO7", "SYNCO")


def test_the_payer_is_that_of_the_plan_else_of_the_insurer_else_of_the_settings() -> None:
    site = Site(payer="Medicare", payers={"PPO7": "Aetna", "SYNCO": "Synthetic"})

    def payer(*messages: Message) -> str:
        return assemble([fact(one) for one in messages], site).payer

    assert payer(insured(opened("08:00"), "PPO7", "SYNCO")) == "Aetna"
    assert payer(insured(opened("08:00"), "HMO1", "SYNCO")) == "Synthetic"
    assert payer(insured(opened("08:00"), "HMO1")) == "Medicare"
    assert payer(insured(opened("08:00"), "PPO7"), given("O1")) == "Aetna"
    assert payer(insured(opened("08:00"), "PPO7"), insured(closed("18:00"), "", "SYNCO")) == "Synthetic"


def test_each_payer_has_its_own_policy(tmp_path: Path) -> None:
    policy, payers = tmp_path / "policy.toml", tmp_path / "payers.toml"
    policy.write_text('[payers."Aetna"]\nsecond_visit = "one_per_day"\n')
    payers.write_text('[payers]\nPPO7 = "Aetna"\n')
    given_settings = {"policy": str(policy), "payer_map": str(payers)}
    settings = load_settings(environment={"DRIPCODE_DATA_DIR": str(tmp_path)}, given=given_settings)[0]
    coder = coder_of(settings)
    assert site_of(settings).payers == {"PPO7": "Aetna"}
    assert coder.policy_of("").name == "medicare-opps"
    assert coder.policy_of("Aetna").second_visit == "one_per_day"
    assert coder.policy_of("Aetna").name.startswith("commercial")
    assert coder.policy_of("Aetna") is coder.policy_of("Aetna")


@pytest.mark.parametrize("text", ["payers = 1", "[payers]\nA = 1", "[payers]\nA = 'x'\n[other]", "not toml"])
def test_a_payer_map_that_cannot_be_used_says_why(text: str, tmp_path: Path) -> None:
    path = tmp_path / "payers.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match="payers"):
        read_payer_map(str(path))


def second_visit(message: Message) -> Message:
    return msgspec.structs.replace(message, visit=msgspec.structs.replace(message.visit, id="V2"))


def test_the_second_visit_of_a_date_is_told_apart_and_not_any_more_when_the_first_is_gone() -> None:
    first = [opened("08:00"), given("O1", "09:00", "10:00"), closed("11:00")]
    second = [second_visit(one) for one in (given("O2", "15:00", "16:00", drug="ondansetron"), closed("18:00"))]
    cluster = Cluster(1, random.Random(0))
    for one in second + first:
        cluster.send(one)
    cluster.run()
    cluster.close_all(folded(second).accounts())
    assert [line["modifiers"] for line in cluster.standing()["V2"]] == [[]]
    cluster.close_all(folded(first).accounts())
    assert [line["modifiers"] for line in cluster.standing()["V2"]] != [[]]
    assert cluster.standing() == oracle(first + second)[0]
