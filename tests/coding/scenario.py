"""Reads scenario files, readable by a coder: README.md beside them says what each word means."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from coding import (
    Administration,
    ClaimLine,
    CodedEncounter,
    Drug,
    DrugOrder,
    Encounter,
    Formulary,
    Policy,
    Setting,
    Status,
    code_encounter,
    default_formulary,
    load_policy,
)
from tests.coding import build

FOLDER = Path(__file__).parent / "scenarios"
FIRST_WORDS = 4  # line or hold, code, units, role; then details by name


@dataclass
class Scenario:
    name: str
    source: str = ""
    day: date = build.DAY
    setting: str = "facility"
    payer: str = "medicare"
    policy: dict[str, object] = field(default_factory=dict)
    encounter: list[str] = field(default_factory=list)
    given: list[Administration] = field(default_factory=list)
    expected: list[list[str]] = field(default_factory=list)  # line or hold, code, units, what else is said of it
    findings: list[str] = field(default_factory=list)
    drugs: list[dict[str, str]] = field(default_factory=list)  # rows of the site's dictionary
    orders: list[DrugOrder] = field(default_factory=list)
    stakes: list[tuple[str, ...]] = field(default_factory=list)  # a kind of findings, then codes and units at stake

    def whole(self) -> tuple[Encounter, Policy, Formulary]:
        """The encounter, the policy and the drug dictionary."""
        setting, orders = Setting(self.setting), tuple(self.orders)
        encounter = build.encounter(
            self.given, self.encounter, self.day, setting=setting, payer=self.payer, orders=orders
        )
        return encounter, load_policy(setting, self.payer, self.policy), self._formulary()

    def _formulary(self) -> Formulary:
        if not self.drugs:
            return default_formulary()
        columns = sorted({"code", "coding_system", *(column for row in self.drugs for column in row)})
        rows = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in self.drugs)]
        return default_formulary().with_site_rows("\n".join(rows), self.name)

    def coded(self) -> CodedEncounter:
        return code_encounter(*self.whole())

    def asked(self) -> list[str]:
        """The details that some expected line names; a line that does not name them all is a mistake."""
        names = {word.split("=")[0] for words in self.expected for word in words[FIRST_WORDS:]} | {"day"}
        return sorted(names)

    def lines_wanted(self) -> list[tuple[str, ...]]:
        wanted = []
        for words in self.expected:
            details = {"day": "0", "mods": "", **NOT_A_DRUG} | dict(word.split("=") for word in words[FIRST_WORDS:])
            assert details.keys() >= set(self.asked()), f"{self.name}: say {self.asked()} of every line"
            wanted.append((*words[:FIRST_WORDS], *(f"{name}={details[name]}" for name in self.asked())))
        return sorted(wanted)

    def lines_told(self, coded: CodedEncounter) -> list[tuple[str, ...]]:
        return sorted(self._shown(line) for line in coded.lines)

    def _shown(self, line: ClaimLine) -> tuple[str, ...]:
        details = {
            "drug": line.drug.name.replace(" ", "_"),
            "site": line.access_site.replace(" ", "_"),
            "day": str((line.service_date - self.day).days),
            "minutes": str(line.minutes),
            "mods": ",".join(line.modifiers),
            "of": ",".join(line.administration_ids),
            "status": line.status.value,
            "last": line.reasons[-1].rule,
            "rules": ",".join(reason.rule for reason in line.reasons),
            **billed(line),
        }
        word = "hold" if line.status is Status.HOLD else "line"
        asked = [f"{name}={details[name]}" for name in self.asked()]
        return (word, line.code, str(line.units), line.role.value, *asked)

    def kinds_wanted(self) -> set[str]:
        return set(self.findings) - {"only", "none"}

    def kinds_told(self, coded: CodedEncounter) -> set[str]:
        """The kinds of findings; only those that are named, unless the scenario names them all."""
        kinds = {finding.kind for finding in coded.findings}
        return kinds if {"only", "none"} & set(self.findings) else kinds & self.kinds_wanted()

    def stakes_told(self, coded: CodedEncounter) -> list[tuple[str, ...]]:
        """What depends on the findings of the kinds of which the scenario says it."""
        wanted = {kind for kind, *_ in self.stakes}
        told = [
            (finding.kind, *(word for one in finding.codes_at_stake for word in (one.code, str(one.units))))
            for finding in coded.findings
            if finding.kind in wanted
        ]
        return sorted(told)

    def holds(self, coded: CodedEncounter) -> bool:
        """Whether it came out as it says."""
        told = (self.lines_told(coded), self.kinds_told(coded), self.stakes_told(coded))
        return told == (self.lines_wanted(), self.kinds_wanted(), sorted(self.stakes))


NOT_A_DRUG = dict.fromkeys(("ndc", "quantity", "dose", "waste", "revenue", "department"), "-")


def billed(line: ClaimLine) -> dict[str, str]:
    """What the line of a drug says besides, in the words of a scenario; "-" on other lines."""
    drug = line.billed
    if drug is None:
        return NOT_A_DRUG
    quantity = "-" if drug.ndc_quantity is None else f"{drug.ndc_quantity.normalize():f}{drug.ndc_unit}"
    dose, waste = (f"{one.amount.normalize():f}_{one.unit}".replace(" ", "_") for one in (drug.dose, drug.waste))
    said = (drug.ndc or "-", quantity, dose, waste, drug.revenue_code or "-", drug.department or "-")
    return dict(zip(NOT_A_DRUG, said, strict=True))


def add_of_site(scenario: Scenario, word: str, rest: list[str]) -> None:
    """The source, a row of the drug dictionary, or a drug order."""
    if word == "source":
        scenario.source = " ".join(rest)
        return
    if word == "drug":
        columns = dict(text.split("=", 1) for text in rest[1:])
        kept = {name: text if name == "drug_class" else text.replace("_", " ") for name, text in columns.items()}
        scenario.drugs.append({"name": rest[0].replace("_", " "), "drug_class": "therapeutic"} | kept)
        return
    number, drug, *more = rest
    named = Drug("", "", drug.replace("_", " "))
    said = dict(word.split("=") for word in more if "=" in word)
    route, method, _ = next((build.WAYS[word] for word in more if word in build.WAYS), build.WAYS["unknown"])
    scenario.orders.append(
        DrugOrder(
            numbers=(number,),
            drug=named,
            route=route,
            method=method,
            dose=build.measure(said["dose"]) if "dose" in said else None,
            ordered_minutes=int(said["minutes"]) if "minutes" in said else None,
            is_stopped="stopped" in more,
            message_control_ids=(f"M-{number}",),
        )
    )


def add_of_findings(scenario: Scenario, word: str, rest: list[str]) -> None:
    """Kinds of findings, or what depends on those of one kind."""
    if word == "find":
        scenario.findings += rest
    else:
        scenario.stakes.append(tuple(rest))


def read(path: Path) -> list[Scenario]:
    scenarios: list[Scenario] = []
    for word, *rest in filter(None, (line.split("#")[0].split() for line in path.read_text().splitlines())):
        match word:
            case "scenario":
                scenarios.append(Scenario(" ".join(rest)))
            case "source" | "drug" | "order":
                add_of_site(scenarios[-1], word, rest)
            case "date":
                scenarios[-1].day = date.fromisoformat(rest[0])
            case "claim":
                scenarios[-1].setting, scenarios[-1].payer = rest[0], " ".join(rest[1:]).strip("-")
            case "policy":
                pairs = (pair.split("=") for pair in rest)
                scenarios[-1].policy |= {name: int(v) if v.isdigit() else v for name, v in pairs}
            case "class" | "campus":
                table = "drug_classes" if word == "class" else "off_campus"
                pairs = (pair.split("=") for pair in rest)
                named = {name.replace("_", " "): value for name, value in pairs}
                scenarios[-1].policy.setdefault(table, {}).update(named)
            case "encounter":
                scenarios[-1].encounter += rest
            case "give":
                given, day = scenarios[-1].given, scenarios[-1].day
                given.append(build.administration(f"a{len(given) + 1:02}", *rest, day=day))
            case "line" | "hold":
                scenarios[-1].expected.append([word, *rest])
            case "find" | "stake":
                add_of_findings(scenarios[-1], word, rest)
            case _:
                raise ValueError(f"{path.name}: no word {word!r}")
    return scenarios


def every_scenario() -> list[tuple[str, Scenario]]:
    """Every scenario with the stem of its file."""
    return [(path.stem, one) for path in sorted(FOLDER.glob("*.txt")) for one in read(path)]
