"""Devices that change the code: pumps that the patient carries, and injectors left on the body."""

from __future__ import annotations

from functools import lru_cache

from coding.claim import Family
from coding.encounter import Administration, Device
from coding.rules import Rules, read_toml
from coding.stretches import Stretches, minutes_of

CARRIED = {Device.PORTABLE_PUMP, Device.IMPLANTED_PUMP}


@lru_cache(maxsize=65536)
def _names_device(name: str, words: str) -> bool:
    """Say whether a product's name has one of the words for a device."""
    text = name.casefold()
    return any(word in text for word in read_toml("drug_names.toml")[words])


def is_portable_pump(administration: Administration) -> bool:
    """Say whether it ran on a pump that the patient carries, by device or by the product's wording."""
    if administration.device in CARRIED or _names_device(administration.drug.name, "portable_pump"):
        return True
    return _names_device(administration.drug.name, "implanted_pump")


def is_implanted_pump(administration: Administration) -> bool:
    """Say whether it ran on a pump inside the patient, by device or by the product's wording."""
    return administration.device is Device.IMPLANTED_PUMP or _names_device(administration.drug.name, "implanted_pump")


def is_on_body_injector(administration: Administration) -> bool:
    """Say whether it is a device left on the patient, by device or by the product's wording."""
    return administration.device is Device.ON_BODY_INJECTOR or _names_device(
        administration.drug.name, "on_body_injector"
    )


def starts_pump(
    administration: Administration, family: Family, stretches: Stretches, rules: Rules, *, is_office: bool
) -> bool:
    """Say whether it is the start of a long infusion on a carried pump: by device or product, never by duration alone.

    A planned or charted time that is too short makes it an ordinary infusion; a practitioner has no code for drugs
    other than chemotherapy. Source: CPT 96416, HCPCS C8957 and G0498.
    """
    if not is_portable_pump(administration) or (is_office and family is not Family.CHEMOTHERAPY):
        return False
    if is_implanted_pump(administration):
        return True
    minutes = minutes_of(stretches) if stretches else administration.ordered_minutes
    return minutes is None or minutes > rules.chemotherapy.prolonged_minutes
