"""Devices that change the code: pumps that the patient carries, and injectors left on the body."""

from __future__ import annotations

from functools import lru_cache

from coding.claim import Family
from coding.encounter import Administration, Device
from coding.order_words import says
from coding.rules import Rules, read_toml
from coding.stretches import Stretches, minutes_of

CARRIED = {Device.PORTABLE_PUMP, Device.IMPLANTED_PUMP}
NAMED = (*CARRIED, Device.ON_BODY_INJECTOR)


@lru_cache(maxsize=65536)
def _named_devices(name: str) -> frozenset[Device]:
    """Return the devices that a product's name has a word for."""
    text, words = name.casefold(), read_toml("drug_names.toml")
    return frozenset(device for device in NAMED if any(word in text for word in words[device.value]))


@lru_cache(maxsize=65536)
def _names_pump(name: str) -> bool:
    """Say whether a product's name has a word for a pump that the patient carries."""
    return not CARRIED.isdisjoint(_named_devices(name))


def is_portable_pump(administration: Administration) -> bool:
    """Say whether it ran on a pump that the patient carries, by device or by the product's wording."""
    return administration.device in CARRIED or _names_pump(administration.drug.name)


def is_implanted_pump(administration: Administration) -> bool:
    """Say whether it ran on a pump inside the patient, by device or by the product's wording."""
    implanted = Device.IMPLANTED_PUMP
    return administration.device is implanted or implanted in _named_devices(administration.drug.name)


def is_refill(administration: Administration) -> bool:
    """Say whether a pump was refilled or kept up, by the order's words or the product's."""
    return says(administration, "refill")


def is_on_body_injector(administration: Administration) -> bool:
    """Say whether it is a device left on the patient, by device or by the product's wording."""
    on_body = Device.ON_BODY_INJECTOR
    return administration.device is on_body or on_body in _named_devices(administration.drug.name)


def starts_pump(
    administration: Administration, family: Family, stretches: Stretches, rules: Rules, *, is_office: bool
) -> bool:
    """Say whether it is the start of a long infusion on a carried pump: by device or product, never by duration alone.

    A planned or charted time that is too short makes it an ordinary infusion; a practitioner has no code for drugs
    other than chemotherapy. A refill counts too, whatever the drug and however long it takes.
    Source: CPT 96416, 96521 and 96522, HCPCS C8957 and G0498.
    """
    if not is_portable_pump(administration):
        return False
    if is_implanted_pump(administration) or is_refill(administration):
        return True
    if is_office and family is not Family.CHEMOTHERAPY:
        return False
    minutes = minutes_of(stretches) if stretches else administration.ordered_minutes
    return minutes is None or minutes > rules.chemotherapy.prolonged_minutes
