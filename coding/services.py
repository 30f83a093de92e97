"""What the steps pass on: a screened administration, a service made of some, a draft of a line, a note.

All are frozen like everything else here: msgspec structs, made in a third of the time of a dataclass and outside the
garbage collector, since nothing of an encounter points in a circle. A note is a tuple, looked up by its content.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from coding.claim import Family, Reason, Role
from coding.drugs import DrugClass
from coding.encounter import Administration
from coding.stretches import Stretches


class Technique(StrEnum):
    """What an administration counts as, whatever was recorded."""

    INFUSION = "infusion"
    PUSH = "push"
    INJECTION = "injection"


class Identity(Struct, frozen=True, gc=False):
    """What was given: the ingredient (of a mix: all of them), its class, and what the dictionary says besides."""

    ingredient: str
    drug_class: DrugClass
    family: Family
    resource_rank: int
    tag: str
    hcpcs: str
    flags: tuple[str, ...]


class Given(Struct, frozen=True, gc=False):
    """One administration that is ours to code, its times checked.

    `stretches` is the running time that may be coded; empty when it was given at a moment or a time is missing.
    """

    administration: Administration
    ids: tuple[str, ...]  # more than one when records of one bag were put together
    identity: Identity
    family: Family
    stretches: Stretches
    minutes: int  # whole minutes of them
    start: int  # microseconds since 1970; 0 when no time is known
    start_time: datetime | None
    start_date: date | None
    site: str
    flags: tuple[str, ...]
    parts: tuple[Given, ...] = ()  # the administrations that ran as this one; empty when it is one by itself


class Note(NamedTuple):
    """Something to say of administrations that no line says."""

    kind: str
    administration_ids: tuple[str, ...]


class Service(Struct, frozen=True, gc=False):
    """One drug run or given as one: what a coder would write on one row of a worksheet."""

    given: tuple[Given, ...]
    ids: tuple[str, ...]  # of the administrations
    ingredient: str
    family: Family
    technique: Technique
    site: str
    stretches: Stretches
    start: int
    stop: int
    minutes: int  # whole minutes run
    start_date: date
    rank: int  # place in the facility's order of initial services, 1 first
    resource_rank: int
    flags: tuple[str, ...]
    reasons: tuple[Reason, ...]  # how it became this service


class Draft(Struct, frozen=True, gc=False):
    """A claim line before edits and ids.

    `counted` is the time the units are made of, empty when the code is not timed; the first unit begins
    `first_minute` minutes into it.
    """

    service: Service
    code: str
    units: int
    role: Role
    service_date: date  # of the start, until the dating step
    reasons: tuple[Reason, ...]
    flags: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    minutes: int | None = None
    counted: Stretches = ()
    first_minute: int = 0
    shared: tuple[Note, ...] = ()  # findings that are of several lines together, each naming all their administrations
