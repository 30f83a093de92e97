"""The named switches and their presets: every rule that payers or publishers decide differently."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache

from msgspec import Struct

from coding.drugs import DrugClass
from coding.encounter import Setting
from coding.errors import PolicyError
from coding.reasons import Wording, wordings
from coding.rules import read_toml
from coding.services import Identity

TABLES = {"drug_classes", "off_campus"}  # of names, in a site's policy
SETTINGS = {setting.value: setting for setting in Setting}
NOT_SWITCHES = {"name", "payer", "setting", *TABLES, "digest", "wording", "identities"}


class Policy(Struct, frozen=True, gc=False, kw_only=True, eq=False):
    """Every switch with its value. What each means: coding/data/switches.toml."""

    name: str  # the preset, and what a site changed
    payer: str
    setting: Setting
    drug_classes: Mapping[str, DrugClass]  # ingredients that this payer or site puts in another class
    off_campus: Mapping[str, str]  # units or facilities away from the campus, in small letters: their kind
    digest: str  # of every switch: the same text for the same policy on any machine
    wording: Mapping[str, Wording]  # how each rule is told, its switches already filled in
    identities: dict[object, Identity] = {}  # drugs already looked up under it
    pro_initial_fallback: str
    pro_hyd_primary: str
    initial_tiebreak: str
    initial_scope: str
    seconds: str
    zero_duration: str
    equal_times_mean: str
    bag_gap_tolerance_min: int
    missing_stop: str
    stop_calc: str
    time_source: str
    overlap: str
    concurrent_min: int
    concurrent_scope: str
    same_drug: str
    bolus_drip: str
    additional_hour_min: int | None
    additional_hours: str
    stopped_early_modifier: str
    hyd_combine: str
    hyd_push_minutes: str
    hyd_separate_site: str
    hyd_indication: str
    hyd_min_ml: int | None
    kvo_rate_ml_h: int | None
    toxicity_hydration: str
    hyd_seq_modifier: str
    midnight_units: str
    second_site: str
    site_modifier: str
    encounter_modifier: str
    second_visit: str
    pair_modifier: str
    complex_biologic: str
    complex_biologic_injection: str
    prolonged_pump: str
    inj_split: str
    hormonal_injections: str
    sc_insulin: str
    tpn: str
    transfusion_premed: str
    payment_window: str
    unit_caps: str
    justify_96367_68: str
    per_visit_codes: str
    mod_340b: str
    zero_waste_unit_mod: str
    drug_lines: str
    waste_modifiers: str
    self_administered_lines: str
    ndc_required: str
    orders_without_administration: str
    administrations_without_order: str
    untimed_hydration: str
    drugs_without_administration_line: str
    administrations_without_drug_line: str


def switch_names() -> tuple[str, ...]:
    """Return the names of all switches, in the order of Policy."""
    return tuple(name for name in Policy.__struct_fields__ if name not in NOT_SWITCHES)


def preset_of(setting: Setting, payer: str) -> str:
    """Return the name of the preset for a claim type and a payer; Medicare's when the payer is not known."""
    if payer and "medicare" not in payer.casefold():
        return "commercial"
    return "medicare-opps" if setting is Setting.FACILITY else "medicare-professional"


def load_policy(setting: Setting, payer: str = "", overrides: Mapping[str, object] | None = None) -> Policy:
    """Return the policy for a claim type and payer: preset, then the site's word, then the site's word on this payer.

    Raises:
        PolicyError: an unknown switch or value; names the nearest known one.
    """
    name, switches, classes = preset_of(setting, payer), _defaults(), dict[str, DrugClass]()
    off_campus: dict[str, str] = {}
    for layer in _preset_layers(name, setting, payer):
        switches.update(_checked(layer, f"preset {name}"))
    site = _site_layers(overrides or {}, payer)
    for layer in site:
        classes.update(_classes(layer))
        off_campus.update(_off_campus(layer))
        switches.update(_checked(layer, "policy"))
    changed = {key: value for layer in site for key, value in _checked(layer, "policy").items()}
    changed.update({f"{drug}": drug_class.value for drug, drug_class in classes.items()})
    changed |= {"off_campus": len(off_campus)} if off_campus else {}
    shown = "".join(f"+{key}={value}" for key, value in sorted(changed.items()))
    content = json.dumps([name, setting.value, sorted(switches.items()), sorted(classes.items())])
    content += json.dumps(sorted(off_campus.items())) if off_campus else ""
    return Policy(
        name=name + shown,
        payer=payer,
        setting=setting,
        drug_classes=classes,
        off_campus=off_campus,
        digest=hashlib.sha256(content.encode()).hexdigest(),
        wording=wordings(switches),
        **switches,  # type: ignore[arg-type]  # _checked has seen every name and value
    )


def read_policy_overrides(text: str, where: str) -> Mapping[str, object]:
    """Read a site's policy: one TOML file of switches, [drug_classes], [off_campus], and [payers.NAME]
    tables of the same.

    Raises:
        PolicyError: not TOML, or an unknown switch or value; names the nearest known one.
    """
    try:
        overrides = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise PolicyError(f"{where}: not TOML: {wrong}") from wrong
    for layer, part in [(overrides, where), *((t, f"{where} [payers.{p}]") for p, t in _payers(overrides, where))]:
        try:
            _checked(layer, part)
            _classes(layer)
            _off_campus(layer)
        except PolicyError as wrong:
            raise PolicyError(str(wrong) if str(wrong).startswith(where) else f"{part}: {wrong}") from wrong
    return overrides


def _payers(overrides: Mapping[str, object], where: str) -> list[tuple[str, Mapping[str, object]]]:
    """Return the payer tables of a site's policy."""
    payers = overrides.get("payers", {})
    if not isinstance(payers, Mapping) or not all(isinstance(table, Mapping) for table in payers.values()):
        raise PolicyError(f"{where}: [payers.NAME] must be tables of switches")
    return list(payers.items())


@cache
def _definitions() -> Mapping[str, Mapping[str, object]]:
    """Return what each switch may be; exactly the switches of Policy."""
    table = read_toml("switches.toml")
    assert set(table) == set(switch_names()), set(table) ^ set(switch_names())
    return table


def _defaults() -> dict[str, object]:
    """Return every switch at its default; None is off."""
    return {name: row.get("default") for name, row in _definitions().items()}


def _preset_layers(name: str, setting: Setting, payer: str) -> list[Mapping[str, object]]:
    """Return a preset's switches, those for the claim type after those for both."""
    preset = read_toml(f"presets/{name}.toml")
    layers = [preset, preset.get(setting.value, {})]
    return layers if payer else [*layers, read_toml("presets/unknown-payer.toml")]


def _site_layers(overrides: Mapping[str, object], payer: str) -> list[Mapping[str, object]]:
    """Return the site's switches, then those for the payer."""
    return [
        overrides,
        *(table for name, table in _payers(overrides, "policy") if name.casefold() == payer.casefold()),
    ]


def _classes(layer: Mapping[str, object]) -> dict[str, DrugClass]:
    """Return the ingredients that a layer puts in another class."""
    table = layer.get("drug_classes", {})
    if not isinstance(table, Mapping):
        raise PolicyError("drug_classes: must be a table of ingredient = class")
    known = {drug_class.value: drug_class for drug_class in DrugClass}
    for drug, value in table.items():
        if value not in known:
            raise PolicyError(f"drug_classes: {drug}: no class {value!r}; {_nearest(str(value), known)}")
    return {str(drug).casefold(): known[value] for drug, value in table.items()}


def _off_campus(layer: Mapping[str, object]) -> dict[str, str]:
    """Return the units and facilities that a layer says are away from the hospital's campus."""
    table = layer.get("off_campus", {})
    if not isinstance(table, Mapping):
        raise PolicyError("off_campus: must be a table of unit or facility = kind of department")
    for place, kind in table.items():
        known = read_toml("departments.toml")
        if kind not in known:
            raise PolicyError(f"off_campus: {place}: no kind {kind!r}; {_nearest(str(kind), known)}")
    return {str(place).casefold(): str(kind) for place, kind in table.items()}


def _checked(layer: Mapping[str, object], where: str) -> dict[str, object]:
    """Return the switches of a layer, names in small letters.

    Raises:
        PolicyError: an unknown switch or value.
    """
    switches = {}
    for key, value in layer.items():
        name = key.casefold()
        if name in {"setting", "payers", *TABLES, *SETTINGS}:
            continue
        if name not in _definitions():
            raise PolicyError(f"{where}: no switch {key!r}; {_nearest(name, _definitions())}")
        switches[name] = _value(name, value, where)
    return switches


def _value(name: str, value: object, where: str) -> object:
    """Return a switch's value when it is a known one; "off" empties a switch that is a number or nothing."""
    row = _definitions()[name]
    if "values" in row:
        known = row["values"]
        assert isinstance(known, list)
        if not isinstance(value, bool) and str(value) in known:
            return str(value)
        if value not in known:
            raise PolicyError(f"{where}: {name}: no value {value!r}; {_nearest(str(value), known)}")
        return value
    if value == "off" and "default" not in row:
        return None
    bounds = row["range"]
    assert isinstance(bounds, list)
    lowest, highest = bounds
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise PolicyError(f"{where}: {name}: must be a whole number from {lowest} to {highest}")
    return value


def _nearest(word: str, known: Mapping[str, object] | list[str]) -> str:
    """Say which known word is nearest, else all of them."""
    near = get_close_matches(word, list(known), n=1)
    return f"the nearest is {near[0]!r}" if near else "known are " + ", ".join(sorted(known))
