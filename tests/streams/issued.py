"""Builders: claim sets as they lie on claim.lines, version after version, and what stands in the end."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from streams.embedded.records import Record
from streams.formats.charge import Document
from streams.formats.cloud_events import line_headers
from streams.records import encode

Line = dict[str, Any]


def line(key: str, encounter: str = "V1", **changed: Any) -> Line:
    """A line that stands alone in version 1 of its set."""
    return {
        "claim_line_id": key, "claim_set_id": f"S-{encounter}-1", "claim_set_version": 1, "line_number": 1,
        "line_count": 1, "action": "add", "supersedes": None, "status": "ready", "patient_id": f"SYN{encounter}",
        "patient_id_authority": "SYNTH", "encounter_id": encounter, "facility": "SYNTH", "setting": "facility",
        "payer": "", "service_date": "2026-03-02", "code": "96365", "code_system": "CPT", "modifiers": [], "units": 1,
        "service_family": "therapeutic", "role": "initial", "access_site": "LA-PIV",
        "drug": {"code": "SYN1", "system": "99SYN", "name": "ceftriaxone"}, "minutes": 60,
        "administration_ids": ["O1:1"], "message_control_ids": ["C1"],
        "reasons": [{"rule": "INFUSION", "text": "Ran 60 minutes.", "source": "a manual"}], "findings": [],
        "rules_version": "2026.4", "policy": "medicare-opps", "coded_at": "2026-03-03T00:00:00.000+00:00", **changed,
    }  # fmt: skip


def drug_line(key: str, encounter: str = "V1", **changed: Any) -> Line:
    """The line of a drug itself."""
    of_drug = {
        "code": "J1745", "code_system": "HCPCS", "hcpcs": "J1745", "modifiers": ["JZ"], "units": 30, "role": "drug",
        "minutes": None, "ndc": "57894003001", "ndc_quantity": "3", "ndc_unit": "UN", "revenue_code": "0636",
        "dose": {"amount": "300", "unit": "mg"}, "waste": {"amount": "0", "unit": "mg"}, "department": "PHARM",
        "lots": [],
    }  # fmt: skip
    return line(key, encounter, **of_drug, **changed)


def version(number: int, add: Iterable[Line], void: Iterable[Line] = ()) -> list[Line]:
    """One version of a claim set: these stand, those no longer do."""
    rows = [(one, "add") for one in add] + [(one, "void") for one in void]
    return [
        {
            **one, "action": action, "claim_set_version": number, "claim_set_id": f"S-{one['encounter_id']}-{number}",
            "line_number": place, "line_count": len(rows),
        }
        for place, (one, action) in enumerate(rows, 1)
    ]  # fmt: skip


def histories(chance: random.Random, encounters: int, versions: int) -> dict[str, list[list[Line]]]:
    """Random versions of encounters: lines come, go, come again, change their status; some sets end up void."""
    made = {}
    for place in range(encounters):
        encounter = f"V{place}"
        stood: list[Line] = []
        made[encounter] = []
        for step in range(1, chance.randint(1, versions) + 1):
            keys = chance.sample("abcdef", chance.randint(0 if stood else 1, 4))
            lines = [line(f"{encounter}-{key}", encounter, units=ord(key) - 96, status=_status(chance)) for key in keys]
            gone = [one for one in stood if one["claim_line_id"] not in {each["claim_line_id"] for each in lines}]
            if lines or gone:
                made[encounter].append(version(3 * step, lines, gone))
            stood = lines
    return made


def _status(chance: random.Random) -> str:
    return chance.choice(["ready", "ready", "ready", "review", "hold"])


def as_published(chance: random.Random, made: dict[str, list[list[Line]]], topic: str) -> list[Record]:
    """Versions of different encounters in any interleaving, a version now and then twice or cut short before it is."""
    waiting = {encounter: list(versions) for encounter, versions in made.items() if versions}
    out: list[Record] = []
    while waiting:
        encounter = chance.choice(sorted(waiting))
        lines = waiting[encounter].pop(0)
        if chance.random() < 0.2:  # a worker was killed in the middle and publishes the version again
            out += _records(lines[: chance.randint(0, len(lines))], topic)
        out += _records(lines, topic)
        if not waiting[encounter]:
            del waiting[encounter]
    return out


def _records(lines: Sequence[Line], topic: str) -> Iterator[Record]:
    for one in lines:
        yield Record(topic, one["encounter_id"].encode(), encode(one), headers=line_headers(topic, one))


def standing(made: dict[str, list[list[Line]]]) -> set[tuple[str, int]]:
    """What is to be billed in the end: ready lines of each newest version, with their units."""
    newest = [versions[-1] for versions in made.values() if versions]
    return {
        (one["claim_line_id"], one["units"])
        for lines in newest
        for one in lines
        if one["action"] == "add" and one["status"] == "ready"
    }


def by_name(documents: Iterable[Document]) -> list[Document]:
    """Each document once, where it came first; one that came twice must have been the same."""
    kept: dict[str, Document] = {}
    for one in documents:
        assert kept.setdefault(one.name, one).content == one.content, "one name, two contents"
    return list(kept.values())
