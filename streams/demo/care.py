"""What is done for whom: care plans by department, and the doses that come of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from streams.demo.drugs import STOCK, Drug
from streams.demo.hospital_time import later
from streams.demo.people import ABDOMEN, DELTOID, LEFT_HAND, AccessSite, Visit

ARRIVAL, PREVIOUS_STOP, PREVIOUS_START = "arrival", "previous stop", "previous start"


@dataclass(frozen=True, slots=True)
class Step:
    """A drug, and when: `minutes` after the anchor. `chance` is how often the step is taken at all."""

    drug: str
    minutes: int
    anchor: str
    chance: float = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    reason: str  # DG1-3
    weight: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Dose:
    """One administration as it happened at the bedside. `stop` is None when the drug runs on at home."""

    order: str
    drug: Drug
    start: datetime
    stop: datetime | None
    site: AccessSite | None


def at(minutes: int, drug: str, chance: float = 1.0) -> Step:
    return Step(drug, minutes, ARRIVAL, chance)


def then(drug: str, chance: float = 1.0) -> Step:
    return Step(drug, 5, PREVIOUS_STOP, chance)


def alongside(drug: str, chance: float = 1.0) -> Step:
    return Step(drug, 0, PREVIOUS_START, chance)


def icd(code: str, text: str) -> str:
    return f"{code}^{text}^I10"


PLANS: Final[dict[str, tuple[Plan, ...]]] = {
    "emergency": (
        Plan(
            icd("R10.9", "Abdominal pain"),
            5,
            (
                at(30, "saline"),
                at(35, "ondansetron"),
                at(38, "morphine"),
                at(80, "morphine", 0.5),
                at(90, "famotidine", 0.4),
            ),
        ),
        Plan(
            icd("A41.9", "Sepsis"),
            3,
            (
                at(20, "ringers"),
                at(40, "ceftriaxone"),
                then("vancomycin"),
                at(45, "acetaminophen_iv", 0.3),
                at(150, "ringers", 0.4),
            ),
        ),
        Plan(
            icd("G43.909", "Migraine"),
            4,
            (
                at(25, "saline_bolus"),
                at(30, "metoclopramide"),
                at(32, "diphenhydramine"),
                at(35, "ketorolac", 0.7),
                at(60, "magnesium", 0.4),
            ),
        ),
        Plan(icd("E86.0", "Dehydration"), 4, (at(25, "saline"), at(30, "ondansetron", 0.8), then("saline_bolus", 0.5))),
        Plan(
            icd("J45.901", "Asthma"),
            3,
            (at(20, "methylprednisolone"), at(35, "magnesium"), at(60, "saline_bolus", 0.3)),
        ),
        Plan(icd("J18.9", "Pneumonia"), 3, (at(40, "ceftriaxone"), then("azithromycin"), at(45, "acetaminophen"))),
        Plan(icd("E87.6", "Hypokalemia"), 2, (at(40, "potassium"), then("potassium"), at(60, "magnesium", 0.5))),
        Plan(
            icd("N20.0", "Kidney stone"),
            3,
            (
                at(20, "ketorolac"),
                at(22, "ondansetron"),
                at(25, "saline"),
                at(50, "hydromorphone"),
                at(85, "hydromorphone", 0.5),
            ),
        ),
        Plan(
            icd("I48.91", "Atrial fibrillation"),
            2,
            (at(20, "diltiazem"), at(35, "diltiazem_drip"), at(50, "heparin_bolus", 0.4)),
        ),
        Plan(
            icd("K57.92", "Diverticulitis"),
            2,
            (at(45, "ciprofloxacin"), then("metronidazole"), at(40, "morphine"), at(42, "ondansetron")),
        ),
        Plan(icd("R51.9", "Headache, left before being seen"), 1, ()),
        Plan(icd("S93.401A", "Ankle sprain"), 2, (at(30, "ketorolac_im"), at(35, "acetaminophen", 0.5))),
    ),
    "infusion centre": (
        Plan(icd("D50.9", "Iron deficiency anemia"), 4, (at(25, "iron_sucrose"), then("heparin_flush", 0.3))),
        Plan(icd("D50.0", "Iron deficiency anemia, blood loss"), 2, (at(30, "ferumoxytol"),)),
        Plan(
            icd("K50.90", "Crohn disease"),
            3,
            (
                at(20, "acetaminophen"),
                at(25, "diphenhydramine"),
                at(28, "methylprednisolone", 0.4),
                at(45, "infliximab"),
            ),
        ),
        Plan(icd("D83.9", "Immunodeficiency"), 3, (at(20, "diphenhydramine"), at(40, "ivig"))),
        Plan(icd("D80.1", "Immunodeficiency"), 1, (at(30, "scig"),)),
        Plan(icd("M86.9", "Osteomyelitis"), 3, (at(20, "ceftriaxone"), then("vancomycin", 0.6), then("heparin_flush"))),
        Plan(icd("M81.0", "Osteoporosis"), 2, (at(20, "zoledronic_acid"), at(25, "acetaminophen", 0.5))),
        Plan(icd("G35", "Multiple sclerosis"), 2, (at(20, "famotidine"), at(30, "methylprednisolone_1g"))),
        Plan(icd("M81.0", "Osteoporosis"), 1, (at(15, "denosumab"),)),
        Plan(icd("D51.0", "Pernicious anemia"), 1, (at(15, "cyanocobalamin"),)),
        Plan(icd("E86.0", "Dehydration"), 2, (at(20, "saline"), at(25, "ondansetron"), then("saline", 0.4))),
    ),
    "oncology": (
        Plan(
            icd("C18.9", "Colon cancer"),
            4,
            (
                at(30, "ondansetron"),
                at(33, "dexamethasone"),
                at(50, "oxaliplatin"),
                alongside("leucovorin"),
                then("fluorouracil"),
                then("fluorouracil_pump"),
            ),
        ),
        Plan(
            icd("C56.9", "Ovarian cancer"),
            4,
            (
                at(25, "ondansetron"),
                at(28, "dexamethasone"),
                at(31, "diphenhydramine"),
                at(35, "famotidine_bag"),
                then("paclitaxel"),
                then("carboplatin"),
                then("heparin_flush"),
            ),
        ),
        Plan(
            icd("C83.30", "Lymphoma"),
            3,
            (at(20, "acetaminophen"), at(30, "diphenhydramine_bag"), then("rituximab"), then("doxorubicin", 0.4)),
        ),
        Plan(icd("C34.90", "Lung cancer"), 3, (at(30, "pembrolizumab"), then("heparin_flush", 0.5))),
        Plan(
            icd("C67.9", "Bladder cancer"),
            2,
            (
                at(20, "saline"),
                at(25, "fosaprepitant"),
                at(60, "dexamethasone"),
                at(140, "cisplatin"),
                then("gemcitabine"),
                then("saline_bolus"),
            ),
        ),
        Plan(icd("C61", "Prostate cancer"), 1, (at(20, "leuprolide"),)),
        Plan(icd("D70.1", "Neutropenia"), 1, (at(15, "pegfilgrastim"),)),
    ),
    "observation": (
        Plan(
            icd("K85.90", "Pancreatitis"),
            3,
            (
                at(40, "ringers"),
                at(45, "hydromorphone"),
                at(48, "ondansetron"),
                at(240, "saline_overnight"),
                at(300, "hydromorphone"),
                at(480, "hydromorphone"),
                at(620, "hydromorphone"),
                at(630, "pantoprazole"),
            ),
        ),
        Plan(
            icd("L03.115", "Cellulitis"),
            3,
            (at(60, "vancomycin"), at(180, "cefazolin"), at(660, "cefazolin"), at(780, "vancomycin")),
        ),
        Plan(
            icd("I26.99", "Pulmonary embolism"),
            2,
            (at(50, "heparin_bolus"), at(60, "heparin_drip"), at(90, "morphine"), at(640, "morphine", 0.5)),
        ),
        Plan(
            icd("E86.0", "Dehydration"),
            2,
            (at(40, "saline"), at(45, "ondansetron"), at(300, "saline_kcl"), at(560, "ondansetron")),
        ),
        Plan(
            icd("K92.2", "Gastrointestinal bleeding"),
            2,
            (at(40, "pantoprazole"), at(60, "pantoprazole_drip"), at(400, "saline_bolus"), at(760, "pantoprazole")),
        ),
        Plan(
            icd("N10", "Pyelonephritis"),
            2,
            (
                at(45, "ceftriaxone"),
                at(50, "ketorolac"),
                at(90, "ringers"),
                at(420, "acetaminophen_iv"),
                at(800, "ampicillin_sulbactam"),
            ),
        ),
    ),
    "inpatient": (
        Plan(
            icd("J44.1", "Chronic obstructive pulmonary disease"),
            2,
            (
                at(60, "methylprednisolone"),
                at(90, "azithromycin"),
                at(240, "enoxaparin"),
                at(480, "methylprednisolone"),
            ),
        ),
        Plan(icd("I50.9", "Heart failure"), 2, (at(60, "furosemide"), at(120, "potassium"), at(420, "furosemide"))),
        Plan(
            icd("A41.9", "Sepsis"),
            1,
            (at(40, "cefepime"), at(80, "vancomycin"), at(120, "norepinephrine"), at(500, "cefepime")),
        ),
    ),
    "urgent care": (
        Plan(icd("A54.9", "Infection"), 2, (at(20, "ceftriaxone_im"),)),
        Plan(icd("M54.50", "Low back pain"), 3, (at(20, "ketorolac_im"), at(22, "ibuprofen", 0.2))),
        Plan(icd("A08.4", "Gastroenteritis"), 3, (at(20, "saline_bolus"), at(22, "ondansetron"))),
    ),
}


def plan_for(department: str, rng: Random) -> Plan:
    plans = PLANS[department]
    return rng.choices(plans, weights=[plan.weight for plan in plans])[0]


def doses_of(plan: Plan, visit: Visit, rng: Random) -> list[Dose]:
    """The doses of one visit, in the order of the plan, every start and stop on a whole minute."""
    doses: list[Dose] = []
    for step in plan.steps:
        if rng.random() < step.chance:
            doses.append(
                _dose(step, doses[-1] if doses else None, visit, f"{visit.number[1:]}{len(doses) + 1:02d}", rng)
            )
    return doses


def _dose(step: Step, previous: Dose | None, visit: Visit, order: str, rng: Random) -> Dose:
    drug = STOCK[step.drug]
    jitter = 0 if step.anchor == PREVIOUS_START else rng.randint(0, 8)
    start = later(_anchor(step, previous, visit), step.minutes + jitter)
    stop = None if step.drug == "fluorouracil_pump" else later(start, rng.choice(drug.minutes))
    return Dose(order, drug, start, stop, _site(drug, visit, rng))


def _anchor(step: Step, previous: Dose | None, visit: Visit) -> datetime:
    if previous is None or step.anchor == ARRIVAL:
        return visit.arrived_at
    return previous.start if step.anchor == PREVIOUS_START else previous.stop or previous.start


def _site(drug: Drug, visit: Visit, rng: Random) -> AccessSite | None:
    if drug.route == "IM":
        return DELTOID
    if drug.route == "SC":
        return ABDOMEN
    if drug.route == "PO" or visit.line is None:
        return None
    return LEFT_HAND if rng.random() < 0.01 else visit.line  # a line that was changed halfway
