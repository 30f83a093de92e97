"""Records that no process of ours wrote: whoever reads a topic passes them over, and says where they lie."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Literal

import msgspec

from streams import records
from streams.embedded.records import StoredRecord
from streams.topics import Topics

log = logging.getLogger("dripcode.strangers")


class _DrugRead(msgspec.Struct):
    name: str


class _Stake(msgspec.Struct):
    units: int


class _LineRead(msgspec.Struct):
    """What is read of a claim line; a later version may say more."""

    claim_line_id: str
    claim_set_id: str
    claim_set_version: int
    line_number: int
    action: Literal["add", "void"]
    status: str
    patient_id: str
    patient_id_authority: str
    encounter_id: str
    service_date: date
    code: str
    modifiers: list[str]
    units: int
    service_family: str
    role: str
    drug: _DrugRead
    minutes: int | None
    administration_ids: list[str]
    message_control_ids: list[str]
    reasons: list[dict[str, str]]
    rules_version: str
    policy: str
    coded_at: datetime


class _FindingRead(msgspec.Struct):
    """The same of a finding."""

    finding_id: str
    claim_set_version: int
    kind: str
    severity: str
    text: str
    patient_id: str
    patient_id_authority: str
    encounter_id: str
    administration_ids: list[str]
    codes_at_stake: list[_Stake]
    opened_at: datetime
    resolved_at: datetime | None


_check_line = msgspec.json.Decoder(_LineRead).decode
_check_finding = msgspec.json.Decoder(_FindingRead).decode


def is_ours(record: StoredRecord, topics: Topics) -> bool:
    """Whether a record can be read as what our processes write there; of one that cannot the place is logged."""
    if _is_readable(record, topics):
        return True
    place = f"{record.topic}[{record.partition}]@{record.offset}"
    log.error("%s cannot be read and is passed over: see who else may write to the topic", place)
    return False


@cache
def _readers(topics: Topics) -> dict[str, Callable[[bytes], object]]:
    return {
        topics.closed: records.decode_closed,
        topics.open: records.decode_open,
        topics.claim_lines: _check_line,
        topics.worklist: _check_finding,
    }


def _is_readable(record: StoredRecord, topics: Topics) -> bool:
    reader = _readers(topics).get(record.topic)
    if record.topic == topics.facts_changelog and record.key == records.TALLY_KEY:
        reader = records.decode_tally
    if reader is None:
        return True
    try:
        (record.key or b"").decode()
        reader(record.value or b"")
    except ValueError:
        return False
    return True
