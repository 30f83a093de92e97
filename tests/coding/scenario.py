"""Reads scenario files, readable by a coder: README.md beside them says what each word means."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from coding import Administration, CodedEncounter, Setting, code_encounter, default_formulary, load_policy
from tests.coding import build


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

    def coded(self) -> CodedEncounter:
        setting = Setting(self.setting)
        whole = build.encounter(self.given, self.encounter, self.day, setting=setting, payer=self.payer)
        return code_encounter(whole, load_policy(setting, self.payer, self.policy), default_formulary())


def read(path: Path) -> list[Scenario]:
    scenarios: list[Scenario] = []
    for word, *rest in filter(None, (line.split("#")[0].split() for line in path.read_text().splitlines())):
        match word:
            case "scenario":
                scenarios.append(Scenario(" ".join(rest)))
            case "source":
                scenarios[-1].source = " ".join(rest)
            case "date":
                scenarios[-1].day = date.fromisoformat(rest[0])
            case "claim":
                scenarios[-1].setting, scenarios[-1].payer = rest[0], " ".join(rest[1:]).strip("-")
            case "policy":
                pairs = (pair.split("=") for pair in rest)
                scenarios[-1].policy |= {name: int(v) if v.isdigit() else v for name, v in pairs}
            case "class":
                classes = (pair.replace("_", " ").split("=") for pair in rest)
                scenarios[-1].policy.setdefault("drug_classes", {}).update(dict(classes))
            case "encounter":
                scenarios[-1].encounter += rest
            case "give":
                given, day = scenarios[-1].given, scenarios[-1].day
                given.append(build.administration(f"a{len(given) + 1:02}", *rest, day=day))
            case "line" | "hold":
                scenarios[-1].expected.append([word, *rest])
            case "find":
                scenarios[-1].findings += rest
            case _:
                raise ValueError(f"{path.name}: no word {word!r}")
    return scenarios
