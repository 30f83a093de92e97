"""What a site's drug dictionary says of how a product is billed: code, unit, package, NDC, revenue code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from coding.drug_codes import standard_ndc
from coding.encounter import Measure
from coding.errors import FormularyError
from coding.measures import in_unit, is_container, read_measure

CODE = re.compile(r"[A-V]\d{4}|\d{4}[0-9AFMTU]")
REVENUE = re.compile(r"\d{4}")
NDC_UNITS = ("", "F2", "GR", "ME", "ML", "UN")
YES, NO = ("yes", "y", "true", "1"), ("no", "n", "false", "0")
YES_OR_NO = {"": None, **dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}
BILLING_COLUMNS = ("hcpcs", "ndc")


class Package(Struct, frozen=True, gc=False):
    """What one container holds: the drug, and the volume it is in when that is known."""

    content: Measure
    volume: Measure | None


class Billing(Struct, frozen=True, gc=False):
    """How a product is billed. "" and None are not said; published tables may say it then."""

    hcpcs: str
    unit: Measure | None  # what one billing unit covers
    ndc: str  # eleven digits
    packages: tuple[Package, ...]
    concentration: tuple[Measure, Measure] | None  # so much drug in so much volume
    ndc_unit: str
    is_single_dose: bool | None
    is_packaged: bool | None  # paid within another service: no modifier for waste
    is_discounted: bool  # bought under the 340B programme
    revenue_code: str
    department: str


def billing_of(row: Mapping[str, str], where: str) -> Billing | None:
    """Return what a row says of billing; None when it names neither a code nor an NDC.

    Columns: hcpcs, hcpcs_unit ("10 mg"), ndc (11 digits or groups), package ("100 mg" or "100 mg/4 mL", several with
    "|"; a mere "vial" says no size), concentration ("25 mg/mL"), ndc_unit (F2, GR, ME, ML, UN), single_dose, packaged,
    discounted_340b (yes or no), revenue_code, department.

    Raises:
        FormularyError: a value cannot be used.
    """
    if not any(row.get(column) for column in BILLING_COLUMNS):
        return None
    hcpcs = row.get("hcpcs", "").upper()
    if hcpcs and not CODE.fullmatch(hcpcs):
        raise FormularyError(f"{where}: hcpcs {hcpcs!r} is no HCPCS code; one letter and four digits")
    revenue_code = row.get("revenue_code", "")
    if revenue_code and not REVENUE.fullmatch(revenue_code):
        raise FormularyError(f"{where}: revenue_code {revenue_code!r} must be four digits, such as 0636")
    ndc_unit = row.get("ndc_unit", "").upper()
    if ndc_unit not in NDC_UNITS:
        raise FormularyError(f"{where}: ndc_unit {ndc_unit!r} must be one of {', '.join(NDC_UNITS[1:])}")
    named = [text.strip() for text in row.get("package", "").split("|")]
    packages = tuple(_package(text, where) for text in named if text and not is_container(text))
    return Billing(
        hcpcs=hcpcs,
        unit=_measure(row.get("hcpcs_unit", ""), "hcpcs_unit", where),
        ndc=_ndc(row.get("ndc", ""), where),
        packages=packages,
        concentration=_concentration(row.get("concentration", ""), packages, where),
        ndc_unit=ndc_unit,
        is_single_dose=_flag(row, "single_dose", where),
        is_packaged=_flag(row, "packaged", where),
        is_discounted=bool(_flag(row, "discounted_340b", where)),
        revenue_code=revenue_code,
        department=row.get("department", ""),
    )


def _ndc(text: str, where: str) -> str:
    if text and not standard_ndc(text):
        raise FormularyError(f"{where}: ndc {text!r} must be eleven digits, or three groups with hyphens")
    return standard_ndc(text)


def _measure(text: str, column: str, where: str) -> Measure | None:
    measure = read_measure(text) if text else None
    if text and measure is None:
        raise FormularyError(f"{where}: {column} {text!r} must be a number and a known unit, such as 10 mg")
    return measure


def _package(text: str, where: str) -> Package:
    content, _, volume = text.partition("/")
    held = _measure(content.strip(), "package", where)
    assert held
    return Package(held, _measure(volume.strip(), "package", where))


def _concentration(text: str, packages: tuple[Package, ...], where: str) -> tuple[Measure, Measure] | None:
    """Return so much drug in so much volume: as said, else of the packages when all agree."""
    if not text:
        said = {(one.content, one.volume) for one in packages if one.volume}
        per = {_per_ml(content, volume) for content, volume in said if volume}
        content, volume = next(iter(said), (None, None))
        return (content, volume) if len(per) == 1 and content and volume else None
    drug, slash, volume_text = text.partition("/")
    unusable = f"{where}: concentration {text!r} must be a drug's amount in a volume, such as 25 mg/mL"
    if not slash:
        raise FormularyError(unusable)
    volume_text = volume_text.strip()
    volume = _measure(f"1 {volume_text}" if volume_text[:1].isalpha() else volume_text, "concentration", where)
    content = _measure(drug.strip(), "concentration", where)
    if content is None or volume is None or in_unit(volume, "mL") is None:
        raise FormularyError(unusable)
    return content, volume


def _per_ml(content: Measure, volume: Measure) -> tuple[Decimal, str] | None:
    in_ml = in_unit(volume, "mL")
    return (content.amount / in_ml, content.unit) if in_ml else None


def _flag(row: Mapping[str, str], column: str, where: str) -> bool | None:
    value = row.get(column, "").casefold()
    if value not in YES_OR_NO:
        raise FormularyError(f"{where}: {column} {value!r} must be yes or no")
    return YES_OR_NO[value]
