"""What the pharmacy of the synthetic hospital stocks: doses, routes, bags and the run times nurses chart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

# Run times as charted. They gather around what was planned, and a minute decides more often than one thinks.
ABOUT_15: Final = (14, 15, 15, 16, 18, 20)
ABOUT_30: Final = (25, 28, 30, 30, 31, 31, 34, 40)
ABOUT_60: Final = (52, 58, 60, 60, 60, 61, 64, 75)
ABOUT_90: Final = (85, 89, 90, 90, 91, 91, 95)
ABOUT_120: Final = (112, 118, 120, 121, 126, 140)
ABOUT_180: Final = (170, 178, 180, 183, 195, 211)
BOLUS: Final = (20, 29, 30, 30, 31, 31, 38, 45, 60)
LITRE: Final = (58, 60, 75, 90, 90, 91, 110, 120, 150, 151)
MAINTENANCE: Final = (420, 480, 505, 540, 600)
PUSH: Final = (0, 0, 0, 1, 2, 3, 5)
AT_ONCE: Final = (0,)


@dataclass(frozen=True, slots=True)
class Drug:
    """One stock item.

    `method` is the RXR-4 code (`IVPB`, `IVP` or empty), `device` the RXR-3 one; `volume_ml` is what the bag holds,
    0 where there is no bag; `additive` is a second ingredient of the same bag (RXC).
    """

    key: str
    code: str
    name: str
    amount: str
    unit: str
    route: str
    method: str
    volume_ml: int
    minutes: tuple[int, ...]
    device: str = ""
    additive: str = ""

    @property
    def is_infused(self) -> bool:
        return self.volume_ml > 0


def _bag(key: str, name: str, dose: str, volume_ml: int, minutes: tuple[int, ...]) -> Drug:
    amount, unit = dose.split()
    return Drug(key, "", name, amount, unit, "IV", "IVPB", volume_ml, minutes)


def _fluid(key: str, name: str, volume_ml: int, minutes: tuple[int, ...], additive: str = "") -> Drug:
    return Drug(key, "", name, str(volume_ml), "mL", "IV", "", volume_ml, minutes, additive=additive)


def _push(key: str, name: str, dose: str) -> Drug:
    amount, unit = dose.split()
    return Drug(key, "", name, amount, unit, "IV", "IVP", 0, PUSH)


def _given(key: str, name: str, dose: str, route: str) -> Drug:
    amount, unit = dose.split()
    return Drug(key, "", name, amount, unit, route, "", 0, AT_ONCE)


_STOCK: Final = (
    _fluid("saline", "normal saline 1000 mL", 1000, LITRE),
    _fluid("saline_bolus", "normal saline 500 mL", 500, BOLUS),
    _fluid("saline_overnight", "normal saline 1000 mL", 1000, MAINTENANCE),
    _fluid("ringers", "lactated Ringer's 1000 mL", 1000, LITRE),
    _fluid(
        "saline_kcl",
        "normal saline with potassium chloride 20 mEq 1000 mL",
        1000,
        MAINTENANCE,
        "potassium chloride^20^mEq",
    ),
    _bag("ceftriaxone", "ceftriaxone 1 g", "1 g", 50, ABOUT_30),
    _bag("cefazolin", "cefazolin 2 g", "2 g", 100, ABOUT_30),
    _bag("cefepime", "cefepime 2 g", "2 g", 100, ABOUT_30),
    _bag("azithromycin", "azithromycin 500 mg", "500 mg", 250, ABOUT_60),
    _bag("vancomycin", "vancomycin 1 g", "1 g", 250, (*ABOUT_60, *ABOUT_90)),
    _bag("ciprofloxacin", "ciprofloxacin 400 mg", "400 mg", 200, ABOUT_60),
    _bag("metronidazole", "metronidazole 500 mg", "500 mg", 100, ABOUT_30),
    _bag("ampicillin_sulbactam", "ampicillin-sulbactam 3 g", "3 g", 100, ABOUT_30),
    _bag("magnesium", "magnesium sulfate 2 g", "2 g", 50, (*ABOUT_15, *ABOUT_60)),
    _bag("potassium", "potassium chloride 10 mEq", "10 mEq", 100, ABOUT_60),
    _bag("acetaminophen_iv", "acetaminophen 1000 mg IV", "1000 mg", 100, ABOUT_15),
    _bag("heparin_drip", "heparin 25000 units", "25000 units", 250, (360, 420, 480, 545)),
    _bag("norepinephrine", "norepinephrine 4 mg", "4 mg", 250, ABOUT_60),
    _bag("diltiazem_drip", "diltiazem 125 mg", "125 mg", 125, ABOUT_180),
    _bag("pantoprazole_drip", "pantoprazole 80 mg", "80 mg", 100, (240, 300, 331)),
    _bag("iron_sucrose", "iron sucrose 200 mg", "200 mg", 100, (15, 16, 20, 30, 31)),
    _bag("ferumoxytol", "ferumoxytol 510 mg", "510 mg", 50, ABOUT_15),
    _bag("infliximab", "infliximab 500 mg", "500 mg", 250, (*ABOUT_120, 150, 151)),
    _bag("ivig", "immune globulin (IVIG) 30 g", "30 g", 300, (150, 180, 210, 211, 240)),
    _bag("zoledronic_acid", "zoledronic acid 5 mg", "5 mg", 100, ABOUT_15),
    _bag("methylprednisolone_1g", "methylprednisolone 1 g", "1 g", 100, ABOUT_60),
    _bag("famotidine_bag", "famotidine 20 mg", "20 mg", 50, ABOUT_15),
    _bag("diphenhydramine_bag", "diphenhydramine 50 mg", "50 mg", 50, ABOUT_15),
    _bag("fosaprepitant", "fosaprepitant 150 mg", "150 mg", 150, ABOUT_30),
    _bag("paclitaxel", "paclitaxel 280 mg", "280 mg", 500, ABOUT_180),
    _bag("carboplatin", "carboplatin 450 mg", "450 mg", 250, (*ABOUT_30, *ABOUT_60)),
    _bag("oxaliplatin", "oxaliplatin 150 mg", "150 mg", 500, ABOUT_120),
    _bag("leucovorin", "leucovorin 700 mg", "700 mg", 250, ABOUT_120),
    _bag("rituximab", "rituximab 700 mg", "700 mg", 500, (210, 240, 258, 270, 271)),
    _bag("pembrolizumab", "pembrolizumab 200 mg", "200 mg", 100, ABOUT_30),
    _bag("cisplatin", "cisplatin 120 mg", "120 mg", 500, ABOUT_60),
    _bag("gemcitabine", "gemcitabine 1600 mg", "1600 mg", 250, ABOUT_30),
    _push("ondansetron", "ondansetron 4 mg", "4 mg"),
    _push("ketorolac", "ketorolac 15 mg", "15 mg"),
    _push("morphine", "morphine 4 mg", "4 mg"),
    _push("hydromorphone", "hydromorphone 1 mg", "1 mg"),
    _push("famotidine", "famotidine 20 mg", "20 mg"),
    _push("pantoprazole", "pantoprazole 40 mg", "40 mg"),
    _push("diphenhydramine", "diphenhydramine 25 mg", "25 mg"),
    _push("methylprednisolone", "methylprednisolone 125 mg", "125 mg"),
    _push("metoclopramide", "metoclopramide 10 mg", "10 mg"),
    _push("dexamethasone", "dexamethasone 10 mg", "10 mg"),
    _push("furosemide", "furosemide 40 mg", "40 mg"),
    _push("lorazepam", "lorazepam 1 mg", "1 mg"),
    _push("diltiazem", "diltiazem 20 mg", "20 mg"),
    _push("heparin_bolus", "heparin 5000 units", "5000 units"),
    _push("heparin_flush", "heparin flush 500 units", "500 units"),
    _push("fluorouracil", "fluorouracil 700 mg", "700 mg"),
    _push("doxorubicin", "doxorubicin 100 mg", "100 mg"),
    _given("ketorolac_im", "ketorolac 60 mg", "60 mg", "IM"),
    _given("ceftriaxone_im", "ceftriaxone 250 mg", "250 mg", "IM"),
    _given("cyanocobalamin", "cyanocobalamin 1000 mcg", "1000 mcg", "IM"),
    _given("leuprolide", "leuprolide 22.5 mg", "22.5 mg", "IM"),
    _given("pegfilgrastim", "pegfilgrastim 6 mg", "6 mg", "SC"),
    _given("denosumab", "denosumab 60 mg", "60 mg", "SC"),
    _given("enoxaparin", "enoxaparin 40 mg", "40 mg", "SC"),
    _given("acetaminophen", "acetaminophen 650 mg", "650 mg", "PO"),
    _given("ibuprofen", "ibuprofen 600 mg", "600 mg", "PO"),
    Drug("scig", "", "immune globulin subcutaneous 10 g", "10", "g", "SC", "", 50, ABOUT_60, device="IVP"),
    Drug("fluorouracil_pump", "", "fluorouracil 4200 mg", "4200", "mg", "IV", "", 230, (46 * 60,), device="IVP"),
)


STOCK: Final = {drug.key: replace(drug, code=f"SYN{number}") for number, drug in enumerate(_STOCK, 1001)}
