"""`dripcode explain`: what an encounter's claim, or one line of it, rests on, down to the messages."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from streams import records
from streams.cli.options import config_option, settings_from, terminal_columns
from streams.embedded.partitioner import partition_for
from streams.evidence import Evidence, Source, source_of
from streams.identity import patient_key
from streams.provision import check_broker
from streams.read_model.following import each_record, follower_of
from streams.read_model.opening import open_shelf
from streams.read_model.shelf import ReadModelAway, Shelf
from streams.read_model.shown import LINE, EncounterShown, decode_json
from streams.read_model.views import encounter_shown
from streams.settings import Settings
from streams.topics import topics_of


@click.command(name="explain")
@click.argument("name", metavar="ENCOUNTER|CLAIM_LINE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an encounter.")
@click.option("--topics", "from_topics", is_flag=True, help="Read the topics, also where the read model is up to date.")
@click.option("--broker", metavar="URL", help="sqlite:///PATH or kafka://HOST:PORT.")
@config_option
def command(name: str, as_json: bool, from_topics: bool, broker: str | None, config: Path | None) -> None:
    """Show what an encounter (by its id) or a claim line (by claim_line_id) rests on, as it was issued. Patient data!

    The timeline, each line with its minutes, rules and sources, findings, what each version changed, and the messages
    by control id with their place on the topic. Two patients with one encounter id are shown one after the other.
    """
    settings = settings_from(config, broker=broker)
    found = asyncio.run(_explain(settings, name, from_topics=from_topics))
    if not found:
        click.echo(
            "no closed encounter and no claim line has this id; an open encounter can be explained when it closes",
            err=True,
        )
        sys.exit(1)
    for one in found:
        click.echo(json.dumps(one.as_json(), default=str) if as_json else one.as_text(terminal_columns()))


async def _explain(settings: Settings, name: str, *, from_topics: bool) -> list[Evidence]:
    check_broker(settings)
    found = [] if from_topics else await _of_read_model(settings, name)
    if not found:
        found = await _of_topics(settings, name)
    return [replace(one, sources=await _sources(settings, one)) for one in found]


# -- the read model


async def _of_read_model(settings: Settings, name: str) -> list[Evidence]:
    """What the read model knows; nothing when it is not there, away, or behind the topics."""
    if not settings.redis and not (settings.data_dir / "pages.db").exists():
        return []
    shelf = open_shelf(settings)
    try:
        if not await _is_fresh(settings, shelf):
            click.echo(
                "what the pages know is older than the topics: they are read instead, which takes longer", err=True
            )
            return []
        line = (await shelf.documents(LINE, [name])).get(name)
        encounter_id = decode_json(line)["encounter_id"] if line else name
        shown = await encounter_shown(shelf, encounter_id)
        return [Evidence(shown, name if line else "")] if shown and _is_of_one_patient(shown) else []
    except ReadModelAway:
        click.echo("the store of the pages does not answer: the topics are read instead, which takes longer", err=True)
        return []
    finally:
        await shelf.close()


async def _is_fresh(settings: Settings, shelf: Shelf) -> bool:
    topics = topics_of(settings)
    positions = await shelf.positions()
    async with follower_of(settings, (topics.closed, topics.claim_lines, topics.worklist)) as follower:
        await follower.go_to(positions)
        return await follower.behind() == 0


def _is_of_one_patient(shown: EncounterShown) -> bool:
    """The read model keeps encounters by their id alone: where two patients share one, the topics tell them apart."""
    rows = [*(line for one in shown.claim_sets for line in one.lines.values()), *shown.findings.values()]
    patients = {(row["patient_id_authority"], row["patient_id"]) for row in rows}
    encounter = decode_json(shown.encounter)
    if encounter:
        patients.add((encounter["patient_id_authority"], encounter["patient_id"]))
    return len(patients) == 1


# -- the topics


async def _of_topics(settings: Settings, name: str) -> list[Evidence]:
    """What the topics know, by patient. Two looks: a claim line says which encounter, the encounter says the rest."""
    topics = topics_of(settings)
    encounter_id, only = name, ""
    async for record in each_record(settings, topics.claim_lines):
        if (
            name.encode() in (record.value or b"")
            and (line := decode_json(record.value or b""))["claim_line_id"] == name
        ):
            encounter_id, only = line["encounter_id"], name
            break
    shown: dict[tuple[str, str], EncounterShown] = {}

    def of(row: dict[str, Any]) -> EncounterShown:
        key = row["patient_id_authority"], row["patient_id"]
        return shown.setdefault(key, EncounterShown(encounter_id))

    wanted = json.dumps(encounter_id, ensure_ascii=False).encode()
    async for record in each_record(settings, topics.closed, topics.claim_lines, topics.worklist):
        value = record.value or b""
        if wanted not in value:
            continue
        if record.topic == topics.closed:
            closed = records.decode_closed(value)
            if closed.encounter.encounter_id == encounter_id:
                row = {name: getattr(closed.encounter, name) for name in ("patient_id_authority", "patient_id")}
                of(row).take_closed(closed, record.timestamp_ms / 1000, records.encode(closed.encounter))
            continue
        row = decode_json(value)
        if row["encounter_id"] == encounter_id:
            (of(row).take_line if record.topic == topics.claim_lines else of(row).take_finding)(row)
    found = [Evidence(one, only) for _, one in sorted(shown.items())]
    return [one for one in found if not only or one.lines()]


async def _sources(settings: Settings, evidence: Evidence) -> list[Source]:
    """The messages on the inbound topic, in order of arrival: in the patient's partition, then in the others."""
    wanted = set(evidence.control_ids())
    encounter = evidence.encounter
    if not wanted:
        return []
    every = range(settings.partitions)
    home, patient = list[int](), b""
    if encounter is not None:
        patient = patient_key(encounter.patient_id_authority, encounter.patient_id).encode()
        home = [partition_for(patient, every)]
    found = await _messages(settings, wanted, home)
    missing = wanted - {source.control_id for _, source in found}
    if missing:
        found += await _messages(settings, missing, [number for number in every if number not in home])
    # Senders number their messages for themselves: another patient's may have the same number.
    theirs = {source.control_id for key, source in found if key == patient}
    kept = [source for key, source in found if key == patient or source.control_id not in theirs]
    return sorted(kept, key=lambda source: (source.received_at, source.place))


async def _messages(
    settings: Settings, wanted: Iterable[str], partitions: Sequence[int]
) -> list[tuple[bytes | None, Source]]:
    """Messages of these control ids in these partitions, with their keys."""
    names = {name.encode() for name in wanted}
    found = []
    if partitions:
        async for record in each_record(settings, topics_of(settings).inbound, partitions=partitions):
            if dict(record.headers).get("control_id") in names:
                headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
                place = f"{record.topic}[{record.partition}]@{record.offset}"
                found.append((record.key, source_of(place, headers, record.timestamp_ms / 1000)))
    return found
