"""`dripcode reconcile`: proof that every message, administration and closed encounter is accounted for."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import msgspec

import hl7_parsers
from hl7_parsers import HL7Error, UnsupportedMessage
from hl7_parsers.events import EncounterMerged
from streams import records
from streams.apply import Rules
from streams.batch import Folded, read_all
from streams.cli.options import config_option, read_sources, settings_from
from streams.embedded.records import StoredRecord
from streams.identity import merges_of
from streams.read_model.following import each_record
from streams.reading import reader_of
from streams.reconciling import KINDS, Claims, Exceptional, Messages, counts_differ, visit_key
from streams.settings import Settings
from streams.site import rules_of
from streams.topics import Topics, topics_of

_SECOND_LOOK = 1.0  # seconds after the first

_decode: Any = msgspec.json.Decoder().decode


@click.command(name="reconcile")
@click.argument("messages", required=False)
@click.argument("claims", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT.")
@config_option
def command(
    messages: str | None, claims: tuple[str, ...], as_json: bool, broker: str | None, config: Path | None
) -> None:
    """Prove the balance of the running system; or of a file of HL7 MESSAGES and the CLAIMS made of it.

    CLAIMS are files of claim lines and of findings, as `dripcode code` writes them. Each message must be applied, a
    duplicate, dead or ignored; each administration in a line or a finding; each closed encounter emitted or held; each
    line must rest on what is there. Every exception is listed with its place. Exit 1 when there is one.
    """
    settings = settings_from(config, broker=broker)
    if messages is None:
        account, said, exceptions = asyncio.run(_running(settings))
    elif not claims:
        raise click.UsageError("give the files of claim lines and findings too; or nothing, for the running system")
    else:
        account, said = _of_files(settings, messages, claims)
        exceptions = [*account.exceptions, *said.exceptions()]
    if as_json:
        click.echo(json.dumps(_as_json(account, said, exceptions)))
    else:
        _tell(account, said, exceptions)
    sys.exit(1 if exceptions else 0)


# -- files


def _of_files(settings: Settings, messages: str, claims: tuple[str, ...]) -> tuple[Messages, Claims]:
    rules, folded, account, said = rules_of(settings), Folded(), Messages(), Claims()
    for read in read_all(read_sources([messages]), rules):
        folded.take(read)
        said.control_ids.add(hl7_parsers.peek(read.raw).control_id)
        if read.error is not None and not isinstance(read.error, UnsupportedMessage):
            account.dead_at.append((f"{read.source}, message {read.position}, {read.error.place}", read.error.reason))
    tally = folded.tally
    account.received, account.applied, account.duplicate = tally.received, tally.applied, tally.duplicate
    account.dead, account.ignored = Counter(tally.dead), Counter(tally.ignored)
    for closed in folded.closed(rules):
        said.take_closed(closed)
    for row in _rows(claims):
        if "claim_line_id" in row:
            said.take_line(row, may_come_again=False)
        else:
            said.take_finding(row)
    return account, said


def _rows(claims: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for name, data in read_sources(claims):
        for number, text in enumerate(data.splitlines(), 1):
            if not text.strip():
                continue
            try:
                row = _decode(text)
                is_known = row.keys() & {"claim_line_id", "finding_id"}
            except (msgspec.DecodeError, AttributeError):
                is_known = set()
            if not is_known:
                raise click.UsageError(f"{name}, line {number}: is no claim line and no finding")
            yield row


# -- topics


@dataclass(slots=True)
class _Kept:
    """What the worker kept: facts and merges by id, its counters and how far it is."""

    facts: set[bytes] = field(default_factory=set)
    merges: set[bytes] = field(default_factory=set)
    tallies: dict[int, records.Tally] = field(default_factory=dict)
    done: dict[str, dict[int, int]] = field(default_factory=dict)  # topic, partition: the next offset to do
    dead: dict[tuple[str, int, int], tuple[str, str]] = field(default_factory=dict)  # origin to reason and letter

    def take_fact(self, record: StoredRecord) -> None:
        key = record.key or b""
        if record.value is None:
            return  # a fact past its age: what is left of it names it
        if key == records.TALLY_KEY:
            tally = records.decode_tally(record.value)
            known = self.tallies.get(record.partition)
            if known is None or tally.next_offset >= known.next_offset:
                self.tallies[record.partition] = tally
            return
        kind, _, fact_id = key.rpartition(records.SEPARATOR)
        (self.merges if kind == records.MERGE_KEY else self.facts).add(fact_id)
        if fact_id.startswith(records.PAST_ID):
            past = records.decode_fact(record.value)
            self.facts |= {each.encode() for each in past.facts} if isinstance(past, records.PastFact) else set()

    def take_letter(self, record: StoredRecord) -> None:
        said = {name: value.decode("utf-8", "replace") for name, value in record.headers}
        origin = said.get("topic", ""), int(said.get("partition", -1)), int(said.get("offset", -1))
        self.dead[origin] = said.get("reason", ""), f"{record.partition}@{record.offset}"

    def has(self, message: hl7_parsers.Message, raw: bytes) -> bool:
        """Whether everything that a message says is kept."""
        merges = all(records.merge_fact_id(merge) in self.merges for merge in merges_of(message))
        is_fact = any(not isinstance(event, EncounterMerged) for event in message.events)
        return merges and (not is_fact or records.message_fact_id(message, raw) in self.facts)


async def _running(settings: Settings) -> tuple[Messages, Claims, list[Exceptional]]:
    """The balance of the running system. What looks wrong is looked at again: it may have been on its way."""
    account, said = await _of_topics(settings)
    exceptions = [*account.exceptions, *said.exceptions()]
    if exceptions:
        await asyncio.sleep(_SECOND_LOOK)
        account, said = await _of_topics(settings)
        before = {(one.kind, one.where) for one in exceptions}
        again = [*account.exceptions, *said.exceptions()]
        exceptions = [one for one in again if (one.kind, one.where) in before]
    return account, said, exceptions


async def _of_topics(settings: Settings) -> tuple[Messages, Claims]:
    """How far the worker is first, then what it wrote: while it runs on there is more of that, never less."""
    topics, kept, said = topics_of(settings), _Kept(), Claims()
    async with reader_of(settings) as reader:
        kept.done = {topic: await reader.committed(topic) for topic in (topics.inbound, topics.closed)}
    async for record in each_record(settings, topics.facts_changelog):
        kept.take_fact(record)
    async for record in each_record(settings, topics.dead_letter):
        kept.take_letter(record)
    account = await _received(settings, topics, kept, said)
    async for record in each_record(settings, topics.closed, strange=said.take_stranger):
        closed = records.decode_closed(record.value or b"")
        if record.offset >= kept.done[topics.closed].get(record.partition, 0):
            said.waiting.add(visit_key(closed))
            continue
        _, letter = kept.dead.get((record.topic, record.partition, record.offset), ("", ""))
        said.take_closed(closed, letter)
    async for record in each_record(settings, topics.claim_lines, strange=said.take_stranger):
        said.take_line(_decode(record.value or b"{}"))
    async for record in each_record(settings, topics.worklist, strange=said.take_stranger):
        said.take_finding(_decode(record.value or b"{}"))
    return account, said


async def _received(settings: Settings, topics: Topics, kept: _Kept, said: Claims) -> Messages:
    """Each message on the inbound topic, and what became of it."""
    account, rules = Messages(), rules_of(settings)
    by_partition: dict[int, Counter[str]] = {}
    first: dict[int, int] = {}
    async for record in each_record(settings, topics.inbound):
        number = record.partition
        first.setdefault(number, record.offset)
        account.received += 1
        said.control_ids.add(dict(record.headers).get("control_id", b"").decode("utf-8", "replace"))
        if record.offset >= kept.done[topics.inbound].get(number, 0):
            account.waiting += 1
            continue
        counted = by_partition.setdefault(number, Counter())
        counted[_became(record, account, kept, rules)] += 1
    for number, tally in kept.tallies.items():
        # Else older messages are past their time on the topic, or the counters are ahead of the acknowledgements.
        if first.get(number, 0) == 0 and tally.next_offset == kept.done[topics.inbound].get(number, 0):
            account.exceptions += _counters(f"{topics.inbound}[{number}]", tally, by_partition.get(number, Counter()))
            account.duplicate += tally.duplicate
            account.applied -= tally.duplicate
    return account


def _became(record: StoredRecord, account: Messages, kept: _Kept, rules: Rules) -> str:
    """Count what became of a message, in `account` too."""
    value = record.value or b""
    letter = kept.dead.get((record.topic, record.partition, record.offset))
    if letter is not None:
        account.dead[letter[0]] += 1
        account.dead_at.append((f"{record.topic}[{record.partition}]@{record.offset}", letter[0]))
        return "dead"
    try:
        message = rules.parse(value)
    except UnsupportedMessage as wrong:
        account.ignored[wrong.reason] += 1
        return "ignored"
    except HL7Error:
        return _lost(record, account)
    if not records.is_for_encounter(message):
        account.ignored[records.why_ignored(message)] += 1
        return "ignored"
    if not kept.has(message, value):
        return _lost(record, account)
    account.applied += 1
    return "kept"


def _lost(record: StoredRecord, account: Messages) -> str:
    account.exceptions.append(Exceptional("MESSAGE_LOST", f"{record.topic}[{record.partition}]@{record.offset}"))
    return "lost"


def _counters(place: str, tally: records.Tally, counted: Counter[str]) -> list[Exceptional]:
    told = {
        "applied and duplicate": tally.applied + tally.duplicate,
        "dead": sum(tally.dead.values()),
        "ignored": sum(tally.ignored.values()),
    }
    names = {"applied and duplicate": "kept", "dead": "dead", "ignored": "ignored"}
    return list(counts_differ(place, told, {name: counted[mine] for name, mine in names.items()}))


# -- telling


def _as_json(account: Messages, said: Claims, exceptions: list[Exceptional]) -> dict[str, Any]:
    return {
        "messages": {
            "received": account.received,
            "applied": account.applied,
            "duplicate": account.duplicate,
            "dead": dict(account.dead),
            "ignored": dict(account.ignored),
            "waiting": account.waiting,
        },
        "dead": [{"where": where, "reason": reason} for where, reason in account.dead_at],
        "encounters": {"closed": len(said.visits), "waiting": len(said.waiting)},
        "administrations": {
            "total": sum(len(visit.administrations) for visit in said.visits.values()),
            "in_lines": said.in_lines(),
            "in_findings_alone": said.in_findings_alone(),
        },
        "claim_lines": sum(len(said.standing(key)) for key in said.accounts),
        "exceptions": [one._asdict() for one in exceptions],
    }


def _tell(account: Messages, said: Claims, exceptions: list[Exceptional]) -> None:
    told = _as_json(account, said, exceptions)
    dead, ignored = sum(account.dead.values()), sum(account.ignored.values())
    click.echo(
        f"{account.received} messages = {account.applied} applied + {account.duplicate} duplicate + {dead} dead + "
        f"{ignored} ignored + {account.waiting} waiting"
    )
    of = told["administrations"]
    click.echo(
        f"{len(said.visits)} encounters closed ({len(said.waiting)} wait to be coded), {of['total']} administrations: "
        f"{of['in_lines']} in claim lines, {of['in_findings_alone']} in findings alone"
    )
    for where, reason in account.dead_at:
        click.echo(f"dead: {where}: {reason}")
    for one in exceptions:
        detail = f": {one.detail}" if one.detail else ""
        click.echo(f"{one.kind} {one.where}{detail} ({KINDS[one.kind]})")
    many = "1 exception" if len(exceptions) == 1 else f"{len(exceptions)} exceptions"
    if not (account.received or said.visits or said.accounts):
        click.echo("nothing is here: no message, no closed encounter, no claim line")
    else:
        click.echo(many if exceptions else "everything is accounted for")
