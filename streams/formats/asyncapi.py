"""The AsyncAPI 3 description of every topic, made from the types that travel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from hl7_parsers.events import AnyEvent
from streams.formats.cloud_events import ATTRIBUTES, FINDING_TYPE, LINE_TYPE
from streams.records import ClosedEncounter, Command, OpenEncounter
from streams.replay import Replay
from streams.settings import Settings
from streams.topics import Topics, topics_of
from streams.wire import ClaimLine, WorklistFinding, components

ASYNCAPI: Final = "3.0.0"
_JSON: Final = "application/json"
_HL7: Final = "x-application/hl7-v2+er7"
_JSON_SCHEMA: Final = "application/schema+json;version=draft-2020-12"
_COMPONENT: Final = "#/components/schemas/{name}"

_REPLAY_HEADERS = {
    "replayed_from": "The dead letter that it was sent again from, PARTITION@OFFSET; only on what was sent again.",
    "replays": "How often it was sent again; only on what was sent again.",
}
_RECEIVED_AT = {"received_at": "When the listener received it, seconds since 1970."}


@dataclass(frozen=True, slots=True)
class _Topic:
    """What travels on one topic: `field` of Topics, its key, its value and its headers (name to meaning)."""

    field: str
    message: str
    actions: tuple[str, ...]  # of the processes of dripcode: send, receive
    says: str
    key: str
    payload: Mapping[str, Any]
    headers: Mapping[str, str]
    content_type: str = _JSON
    optional: frozenset[str] = frozenset()
    event_type: str = ""


_CLOUD_EVENTS = {
    **{f"ce_{name}": f"CloudEvents 1.0: {name}." for name in ATTRIBUTES},
    "content-type": "CloudEvents 1.0: datacontenttype.",
}
_PATIENT = "The patient: AUTHORITY|ID."
_ENCOUNTER = "The encounter id."
_BOTH, _OUT = ("receive", "send"), ("send",)


def _described(schemas: Mapping[str, Any]) -> list[_Topic]:
    """Every topic, in the order of the flow."""
    return [*_towards_claims(schemas), *_of_claims(schemas), *_put_aside(schemas), *_of_the_worker()]


def _towards_claims(schemas: Mapping[str, Any]) -> list[_Topic]:
    return [
        _Topic(
            "inbound", "hl7Message", _BOTH, "An HL7 v2 message as received, byte for byte.", _PATIENT,
            {"type": "string", "format": "binary"},
            {
                "control_id": "MSH-10.", "type": "MSH-9, such as RAS^O17.", "source": "MSH-3|MSH-4.",
                **_RECEIVED_AT, **_REPLAY_HEADERS,
            },
            _HL7, frozenset(_REPLAY_HEADERS),
        ),
        _Topic(
            "commands", "command", _BOTH, "An order to the partition that owns a patient.", _PATIENT,
            schemas["command"], {},
        ),
        _Topic(
            "events", "medicationEvent", _OUT, "One event of a message; with publish_events alone.", _PATIENT,
            schemas["event"], {},
        ),
        _Topic(
            "closed", "closedEncounter", _BOTH, "An encounter as it stood when it closed.", _PATIENT,
            schemas["closed"], {},
        ),
        _Topic(
            "open", "openEncounter", _BOTH, "An encounter as it stands before it closes, for the pages.", _PATIENT,
            schemas["open"], {},
        ),
    ]  # fmt: skip


def _of_claims(schemas: Mapping[str, Any]) -> list[_Topic]:
    return [
        _Topic(
            "claim_lines", "claimLine", _OUT, "One line of one version of a claim set.", _ENCOUNTER,
            schemas["claim_line"],
            {
                "claim_set_id": "As in the line.", "version": "claim_set_version of the line.",
                "action": "add or void.", **_CLOUD_EVENTS,
            },
            event_type=LINE_TYPE,
        ),
        _Topic(
            "worklist", "finding", _OUT, "A finding opened or settled.", _ENCOUNTER, schemas["finding"],
            _CLOUD_EVENTS, event_type=FINDING_TYPE,
        ),
    ]  # fmt: skip


def _put_aside(schemas: Mapping[str, Any]) -> list[_Topic]:
    return [
        _Topic(
            "dead_letter", "deadLetter", _OUT, "What could not be used, as it was.", "As where it came from.",
            {"type": "string", "format": "binary"},
            {
                "reason": "Why, as counters know it.", "where": "Segment and field; empty for the whole.",
                "topic": "Where it came from.", "partition": "Where it came from.", "offset": "Where it came from.",
                **_RECEIVED_AT, **_REPLAY_HEADERS,
            },
            "application/octet-stream", frozenset(_REPLAY_HEADERS),
        ),
        _Topic(
            "replays", "replayNote", _OUT, "A note that a dead letter was sent again.", "The letter's id.",
            schemas["replay"], {},
        ),
    ]  # fmt: skip


def _of_the_worker() -> list[_Topic]:
    return [
        _Topic(
            "facts_changelog", "fact", _BOTH, "The worker's own state: facts by encounter. Not a contract.",
            "Patient, encounter and fact.", {}, {},
        ),
        _Topic(
            "claim_sets_changelog", "issuedVersion", _BOTH,
            "The worker's own state: what was issued. Not a contract.", "Patient, encounter and version.", {}, {},
        ),
    ]  # fmt: skip


def asyncapi(settings: Settings) -> dict[str, Any]:
    """The document for a site's settings: names with its prefix, its number of partitions."""
    topics = topics_of(settings)
    names = "command", "event", "closed", "open", "replay", "claim_line", "finding"
    travelling = [Command, AnyEvent, ClosedEncounter, OpenEncounter, Replay, ClaimLine, WorklistFinding]
    of_types, named = components(travelling, _COMPONENT)
    described = _described(dict(zip(names, of_types, strict=True)))
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "dripcode",
            "version": version("dripcode"),
            "description": "HL7 v2 medication messages in, drug-administration claim lines and findings out.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "channels": {one.field: _channel(one, topics, settings.partitions) for one in described},
        "operations": {
            f"{action}_{one.field}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{one.field}"},
                "messages": [{"$ref": f"#/channels/{one.field}/messages/{one.message}"}],
            }
            for one in described
            for action in one.actions
        },
        "components": {"schemas": named, "messages": {one.message: _message(one) for one in described}},
    }


def _channel(one: _Topic, topics: Topics, partitions: int) -> dict[str, Any]:
    name = getattr(topics, one.field)
    return {
        "address": name,
        "description": one.says,
        "messages": {one.message: {"$ref": f"#/components/messages/{one.message}"}},
        "bindings": {"kafka": {"topic": name, "partitions": partitions}},
    }


def _message(one: _Topic) -> dict[str, Any]:
    return {
        "name": one.message,
        "summary": one.says,
        "contentType": one.content_type,
        "headers": _headers(one),
        "payload": {"schemaFormat": _JSON_SCHEMA, "schema": one.payload},
        "bindings": {"kafka": {"key": {"type": "string", "description": one.key}}},
    }


def _headers(one: _Topic) -> dict[str, Any]:
    properties: dict[str, Any] = {
        name: {"type": "string", "description": meaning} for name, meaning in one.headers.items()
    }
    if one.event_type:
        properties["ce_type"]["const"] = one.event_type
    return {"type": "object", "properties": properties, "required": _required(one)}


def _required(one: _Topic) -> Sequence[str]:
    return [name for name in one.headers if name not in one.optional]
