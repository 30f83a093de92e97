"""Bags and syringes: records of one order that begin together with several drugs are one administration."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from coding.encounter import Administration

Bag = tuple[Administration, tuple[str, ...]]  # an administration, the ids of the records behind it


def put_together(administrations: Sequence[Administration]) -> list[Bag]:
    """Return the administrations with the ids of the records behind each; the drugs of one bag are made one mix."""
    bags: dict[object, list[Administration]] = {}
    for place, one in enumerate(administrations):
        start = one.runs[0].start
        key = (one.order_number, start, one.route, one.method) if one.order_number and start else place
        bags.setdefault(key, []).append(one)
    return [mix for bag in bags.values() for mix in _mixed(bag)]


def _mixed(bag: list[Administration]) -> list[Bag]:
    """Return one bag as one administration, or each by itself when a drug or another stop is in it twice."""
    drugs = {one.drug for one in bag}
    if len(bag) == 1 or len(drugs) < len(bag) or len({one.runs for one in bag}) > 1:
        return [(one, (one.administration_id,)) for one in bag]
    bag = sorted(bag, key=lambda one: one.administration_id)
    parts = tuple(dict.fromkeys(part for one in bag for part in (one.components or (one.drug,))))
    remarks = tuple(dict.fromkeys(remark for one in bag for remark in one.remarks))
    controls = tuple(dict.fromkeys(control for one in bag for control in one.message_control_ids))
    whole = replace(bag[0], components=parts, remarks=remarks, message_control_ids=controls)
    return [(whole, tuple(one.administration_id for one in bag))]
