"""Rules in force on a date: the dated tables of coding/data, one dataclass per table."""

from __future__ import annotations

import pkgutil
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, ClassVar

from msgspec import Struct

from coding.claim import Family
from coding.errors import NoRuleInForce, TableError

ROW_FIELDS = {"label", "unit", "source", "values"}


class HydrationRules(Struct, frozen=True, gc=False):
    """Codes and times of hydration on one date. Minutes are whole."""

    TABLE: ClassVar[str] = "hydration.toml"
    initial_code: str
    additional_code: str
    initial_minutes_min: int
    additional_minutes_min: int
    rank: int


class TherapeuticRules(Struct, frozen=True, gc=False):
    """Codes and times of therapeutic, prophylactic and diagnostic drugs on one date."""

    TABLE: ClassVar[str] = "therapeutic.toml"
    initial_code: str
    additional_code: str
    sequential_code: str
    concurrent_code: str
    push_initial_code: str
    push_sequential_code: str
    push_repeat_code: str
    injection_code: str
    intra_arterial_code: str
    on_body_injector_code: str
    unlisted_code: str
    prolonged_pump_code: str
    initial_minutes_min: int
    additional_minutes_min: int
    infusion_rank: int
    push_rank: int
    push_interval_minutes: int


class ChemotherapyRules(Struct, frozen=True, gc=False):
    """Codes and times of chemotherapy and other highly complex drugs on one date."""

    TABLE: ClassVar[str] = "chemotherapy.toml"
    initial_code: str
    additional_code: str
    sequential_code: str
    push_initial_code: str
    push_sequential_code: str
    injection_code: str
    hormonal_injection_code: str
    intralesional_few_code: str
    intralesional_many_code: str
    intralesional_few_max: int
    prolonged_pump_code: str
    clinic_pump_code: str
    prolonged_minutes: int
    intra_arterial_push_code: str
    intra_arterial_initial_code: str
    intra_arterial_additional_code: str
    intra_arterial_pump_code: str
    intrapleural_code: str
    intraperitoneal_code: str
    intrathecal_code: str
    reservoir_code: str
    portable_refill_code: str
    implanted_refill_code: str
    unlisted_code: str
    initial_minutes_min: int
    additional_minutes_min: int
    infusion_rank: int
    push_rank: int


DrugRules = TherapeuticRules | ChemotherapyRules


class SubcutaneousRules(Struct, frozen=True, gc=False):
    """Codes and times of infusions under the skin on one date."""

    TABLE: ClassVar[str] = "subcutaneous.toml"
    initial_code: str
    additional_code: str
    set_up_code: str
    initial_minutes_min: int
    additional_minutes_min: int


class NeighbourRules(Struct, frozen=True, gc=False):
    """Codes of services beside our families; "" where there was none on the date."""

    TABLE: ClassVar[str] = "neighbours.toml"
    transfusion_code: str
    device_flush_code: str
    device_draw_code: str
    catheter_draw_code: str
    declotting_code: str
    vaccine_first_code: str
    vaccine_next_code: str
    vaccine_first_oral_code: str
    vaccine_next_oral_code: str
    influenza_vaccine_code: str
    pneumococcal_vaccine_code: str
    hepatitis_b_vaccine_code: str
    covid_vaccine_code: str
    rsv_antibody_code: str
    rsv_antibody_counselled_code: str
    pemivibart_code: str
    tocilizumab_covid_first_code: str
    tocilizumab_covid_next_code: str
    visit_infusion_code: str
    visit_chemotherapy_injected_code: str
    visit_chemotherapy_infused_code: str
    visit_chemotherapy_both_code: str


class Limits(Struct, frozen=True, gc=False):
    """Where plausibility ends and when a person is asked."""

    TABLE: ClassVar[str] = "limits.toml"
    push_review_minutes_max: int
    relocation_minutes_max: int
    long_run_minutes: int
    rejected_run_minutes: int
    late_entry_minutes: int
    split_injection_minutes: int
    kvo_review_rate: int
    payment_window_days: int
    procedure_gap_minutes: int
    home_places_of_service: tuple[str, ...]
    facility_places_of_service: tuple[str, ...]


TABLES: dict[str, type[Any]] = {  # by their names in Rules
    "hydration": HydrationRules,
    "therapeutic": TherapeuticRules,
    "chemotherapy": ChemotherapyRules,
    "subcutaneous": SubcutaneousRules,
    "neighbours": NeighbourRules,
    "limits": Limits,
}


class Rules(Struct, frozen=True, gc=False):
    """Everything in force on one date."""

    hydration: HydrationRules
    therapeutic: TherapeuticRules
    chemotherapy: ChemotherapyRules
    subcutaneous: SubcutaneousRules
    neighbours: NeighbourRules
    limits: Limits
    drugs: Mapping[Family, DrugRules]  # those of drugs, by family
    # A service's place in the facility's order, 1 first. Source: CMS Pub. 100-04, ch. 4, sec. 230.2.
    infusion_ranks: Mapping[Family, int]
    push_ranks: Mapping[Family, int]
    late_entry: timedelta  # what is charted later than this after it ended is late


class DatedRule(Struct, frozen=True, gc=False):
    """One rule over time: what holds from each date until the next, rising; None from its end on."""

    name: str
    label: str
    unit: str
    source: str
    effective: tuple[date, ...]
    values: tuple[Any, ...]

    def on(self, service_date: date) -> Any:
        """Return the value in force on the date.

        Raises:
            NoRuleInForce: the date is before the first row or after the end.
        """
        row = bisect_right(self.effective, service_date)
        if row == 0 or self.values[row - 1] is None:
            raise NoRuleInForce(f"{self.name}: no rule in force on {service_date.isoformat()}; add a dated row for it")
        return self.values[row - 1]


def read_data(name: str) -> str:
    """Return the text of a file of coding/data."""
    content = pkgutil.get_data("coding.data", name)
    assert content is not None  # it raises where there is no such file
    return content.decode()


@cache
def read_toml(name: str) -> Mapping[str, Any]:
    """Return a TOML file of coding/data."""
    return tomllib.loads(read_data(name))


def dated_rule(name: str, row: Mapping[str, Any]) -> DatedRule:
    """Read one rule of a table.

    Raises:
        TableError: a field is missing or too many, or the dates do not rise.
    """
    if set(row) != ROW_FIELDS:
        raise TableError(f"{name}: has {sorted(row)}, needs exactly {sorted(ROW_FIELDS)}")
    if not all(isinstance(row[text], str) and row[text] for text in ROW_FIELDS - {"values"}):
        raise TableError(f"{name}: label, unit and source must be texts that say something")
    dates = tuple(value.get("effective") for value in row["values"])
    if not dates or not all(isinstance(when, date) for when in dates) or list(dates) != sorted(set(dates)):
        raise TableError(f"{name}: every value needs an effective date, and the dates must rise")
    return DatedRule(name, row["label"], row["unit"], row["source"], dates, tuple(map(_value, row["values"])))


def _value(row: Mapping[str, Any]) -> Any:
    """Return the value of one dated row; None where the rule ends."""
    if set(row) == {"effective", "ended"} and row["ended"] is True:
        return None
    if set(row) != {"effective", "value"}:
        raise TableError(f"a dated row has {sorted(row)}, needs effective and value, or effective and ended = true")
    return tuple(row["value"]) if isinstance(row["value"], list) else row["value"]


def dated_rules(table: type[Any]) -> Mapping[str, DatedRule]:
    """Read a table of dated rules; its keys are exactly the fields of `table`.

    Raises:
        TableError: a rule is missing or unknown, or has another shape.
    """
    return _dated_rules(table.TABLE, frozenset(table.__struct_fields__))


@cache
def _dated_rules(name: str, wanted: frozenset[str]) -> Mapping[str, DatedRule]:
    """Read a table, once."""
    rows = read_toml(name)
    if set(rows) != wanted:
        raise TableError(f"{name}: missing {sorted(wanted - set(rows))}, unknown {sorted(set(rows) - wanted)}")
    return {rule: dated_rule(f"{name} {rule}", row) for rule, row in rows.items()}


@cache
def _change_dates() -> tuple[date, ...]:
    """Return every date on which any rule changes, rising."""
    return tuple(sorted({when for t in TABLES.values() for rule in dated_rules(t).values() for when in rule.effective}))


_SINCE: dict[int, Rules] = {}  # the rules of each period, by the number of changes before it


def rules_on(service_date: date) -> Rules:
    """Return all rules in force on the date of service.

    Raises:
        NoRuleInForce: a rule has no row for the date.
    """
    change = bisect_right(_change_dates(), service_date)
    rules = _SINCE.get(change)
    if rules is None:
        tables = {name: _resolved(table, service_date) for name, table in TABLES.items()}
        rules = _SINCE[change] = rules_of(tables)
    return rules


def rules_of(tables: Mapping[str, Any]) -> Rules:
    """Put the resolved tables of a date together, by their names in `Rules`."""
    of_drugs = {one: tables["chemotherapy" if one is Family.CHEMOTHERAPY else "therapeutic"] for one in Family}
    fluids = {Family.HYDRATION: tables["hydration"].rank}
    infusions = {one: of_family.infusion_rank for one, of_family in of_drugs.items()} | fluids
    pushes = {one: of_family.push_rank for one, of_family in of_drugs.items()} | fluids
    late_entry = timedelta(minutes=tables["limits"].late_entry_minutes)
    return Rules(**tables, drugs=of_drugs, infusion_ranks=infusions, push_ranks=pushes, late_entry=late_entry)


def _resolved(table: type[Any], service_date: date) -> Any:
    """Return a table's dataclass with the values in force on the date."""
    return table(**{name: rule.on(service_date) for name, rule in dated_rules(table).items()})
