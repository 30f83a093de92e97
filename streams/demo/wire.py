"""A message before and after it leaves: drafts, their numbering per sending system, and the bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from streams.demo.hospital_time import stamp


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as the interface engine would send it.

    `text` is ER7 with CR-terminated segments, not MLLP-framed; `control_id` is MSH-10, empty where nobody can read
    one; `sent_at` is when the feed sends it. `fate` is what a correct system must do with it: `applied`, `duplicate`,
    `dead` or `ignored`. `fault` names what is wrong with it, empty for nothing.
    """

    text: bytes
    control_id: str
    sent_at: datetime
    kind: str
    fate: str
    encounter_id: str
    department: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message without its control id. `written_at` is when its system wrote it (MSH-7), `sent_at` when it left."""

    application: str
    kind: str
    structure: str
    version: str
    written_at: datetime
    sent_at: datetime
    body: tuple[str, ...]
    encounter_id: str = ""
    department: str = ""
    fate: str = "applied"
    fault: str = ""


def seal(draft: Draft, control_id: str) -> Sent:
    """The draft as bytes, under its control id."""
    kind = f"{draft.kind}^{draft.structure}" if draft.structure else draft.kind
    head = (
        f"MSH|^~\\&|{draft.application}|SYNTH|DRIP|BILL|{stamp(draft.written_at)}||{kind}|{control_id}|P|"
        f"{draft.version}"
    )
    text = "".join(segment + "\r" for segment in (head, *draft.body))
    return Sent(
        text.encode("ascii"),
        control_id,
        draft.sent_at,
        draft.kind,
        draft.fate,
        draft.encounter_id,
        draft.department,
        draft.fault,
    )


def numbered(drafts: Iterable[Draft]) -> list[Sent]:
    """Drafts sealed in the order they left, numbered per sending system in the order they were written."""
    counters: dict[str, int] = {}
    control_ids: dict[int, str] = {}
    ordered = list(drafts)
    for index in sorted(range(len(ordered)), key=lambda i: ordered[i].written_at):
        application = ordered[index].application
        counters[application] = counters.get(application, 0) + 1
        control_ids[index] = f"{application}{counters[application]:06d}"
    sealed = [seal(draft, control_ids[index]) for index, draft in enumerate(ordered)]
    return sorted(sealed, key=lambda message: message.sent_at)


def with_control_id(message: Sent, control_id: str) -> Sent:
    """The same message under another MSH-10."""
    old, new = (f"|{name}|P|".encode("ascii") for name in (message.control_id, control_id))
    assert old in message.text
    return replace(message, text=message.text.replace(old, new, 1), control_id=control_id)


def escape(text: str) -> str:
    """Plain text with HL7's five delimiters escaped."""
    for plain, coded in (("\\", "\\E\\"), ("|", "\\F\\"), ("^", "\\S\\"), ("&", "\\T\\"), ("~", "\\R\\")):
        text = text.replace(plain, coded)
    return text


def segment(name: str, fields: dict[int, str]) -> str:
    """A segment from its fields by number; those not named are empty, none trails."""
    return "|".join([name, *(fields.get(number, "") for number in range(1, max(fields) + 1))])
