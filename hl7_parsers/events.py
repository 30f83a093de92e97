"""What comes out of a message: typed events, each about one thing, each value with the place it came from.

msgspec structs rather than dataclasses: they are what travels in the changelog too, built and read ten times as
fast, so one definition serves both.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class Action(StrEnum):
    """What the sender asks us to do with the record (RXA-21); `ADD` when it says nothing."""

    ADD = "A"
    UPDATE = "U"
    DELETE = "D"


class Time(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An aware time, how exact it is, and whether its offset came from the field, the message or the sender."""

    at: datetime
    precision: str = "second"  # year, month, day, hour, minute, second, fraction
    offset_from: str = "field"  # field, message (MSH-7), sender (the configured zone), assumed (UTC, for want of any)


class Code(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """A coded element: identifier, text, coding system, as sent."""

    id: str = ""
    text: str = ""
    system: str = ""


class Quantity(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A number with its unit as sent, e.g. (100, "mL/hr")."""

    amount: Decimal
    unit: str = ""


class Component(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One drug of a mixture (RXC, or one of several RXA under one RXR)."""

    drug: Code
    kind: str = ""  # "additive" or "base"
    quantity: Quantity | None = None


class Remark(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Something that could not be read as meant: a stable id and the place; the event stands all the same."""

    id: str
    place: str


class Header(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Of MSH: who sent it, what it is, which one it is."""

    control_id: str  # MSH-10; may be empty
    kind: str  # "RAS^O17"
    version: str = ""
    application: str = ""  # MSH-3.1
    facility: str = ""  # MSH-4.1
    time: Time | None = None  # MSH-7


class Patient(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The id that messages of this patient share, and its assigning authority."""

    id: str
    authority: str = ""
    place: str = ""


class Visit(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The encounter a message belongs to. `id` is empty when the message names none."""

    id: str = ""
    place: str = ""  # where the id stands: "PV1-19", "PID-18", "PV1-50"
    patient_class: str = ""  # PV1-2 as sent
    location: str = ""  # PV1-3.1
    facility: str = ""  # PV1-39, else PV1-3.4
    admitted: Time | None = None  # PV1-44
    discharged: Time | None = None  # PV1-45
    is_discharge_deleted: bool = False  # PV1-45 was the HL7 null: the stay is open again
    plan: str = ""  # IN1-2.1 of the first insurance
    insurer: str = ""  # IN1-3.1 of the first insurance
    patient_type: str = ""  # PV1-18: where some sites say that an "inpatient" is under observation


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="event"):
    """Base of all events. `places` maps a field's name to where its value stands, e.g. {"at": "RXA[1]-3"}.

    Events that have the same places may share them: they are not to be changed.
    """

    entered: Time | None = None  # when it was charted: RXA-22, ORC-9, EVN-2
    places: dict[str, str] = {}
    remarks: tuple[Remark, ...] = ()


class AdministrationEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What every administration event says besides its own meaning.

    `at` is RXA-3, the time of *this* event; for Started and Given it is the start. `stop` is RXA-4 where it is
    later than RXA-3, else None: an end that is absent or equals the start is "not documented".
    Key of the administration: order (ORC-2, else ORC-3), `sub_id` (RXA-2) and, where these do not tell two
    administrations of one order apart, the start.
    """

    placer: str = ""
    filler: str = ""
    group: str = ""  # ORC-4
    order_is_bag: bool = False  # the order names one bag: all its rows are one administration, a later start resumes it
    rows_join: bool = False  # rows of one order and drug that touch are one administration
    sub_id: str = ""
    action: Action = Action.ADD
    word: str = ""  # RXA-20 as sent
    is_bolus: bool = False  # what the word means to its sender: more at once, mostly out of a bag that runs on
    at: Time | None = None
    stop: Time | None = None
    drug: Code = Code()
    alternate: Code = Code()  # the drug in a second coding system, where the sender gives one
    components: tuple[Component, ...] = ()
    dose: Quantity | None = None
    rate: Quantity | None = None
    route: str = "unknown"  # the word of hl7_parsers/tables.py: intravenous, intramuscular, ...
    method: str = "unknown"  # infusion, push, injection, unknown
    device: str = "none"  # pump, portable_pump, implanted_pump, on_body_injector, none
    access_site: str = ""  # RXR-2, id (else text)
    note: str = ""  # NTE and RXA-9 text: kept for KVO, flush, second-site wording
    indication: str = ""  # RXA-19
    waste: Quantity | None = None  # discarded of what was opened, by a note or a row; an amount of 0: nothing
    lot: str = ""  # RXA-15
    ordered_minutes: int | None = None  # RXE-22, TQ1: planned, never billable by itself
    blood_unit: str = ""  # the unit's number, where the row is of a transfusion
    pump: str = ""  # in a pump's own report: device and channel; "" in a charted record
    delivered: Quantity | None = None  # what the pump has counted until then


class AdministrationStarted(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """It began (or a moment at which it was given is all that is documented); no stop in this record."""


class AdministrationGiven(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """The whole of it in one record: start and stop."""


class AdministrationStopped(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """It ended at `at` (an action word says so), or only a stop is documented (`stop`, with no `at`)."""


class AdministrationPaused(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """It stopped running at `at` and is meant to go on."""


class AdministrationResumed(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """It runs again from `at`."""


class AdministrationRateChanged(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """It runs at another rate from `at`, or was looked at and found running."""


class DrugWasted(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """What the row says was discarded (`waste`): its action word is one that the sender's profile calls wasted."""


class LineKeptOpen(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """From `at` on the pump only keeps the vein open (KVO): nothing therapeutic runs until it starts again."""


class AdministrationNotGiven(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """It was refused, held or missed: never an administration."""


class AdministrationVoided(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """The record was entered in error (RXA-21 D, or an action word)."""


class AdministrationUnclear(AdministrationEvent, frozen=True, kw_only=True, tag=True):
    """Its action word is in no table: a person must say what it means."""


class DrugOrdered(Event, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """A drug order as pharmacy encodes it (RDE), or as it was prescribed where there is no RXE (ORM, OMP)."""

    is_request: bool = False  # prescribed, not encoded: pharmacy's word counts where there is one

    placer: str = ""
    filler: str = ""
    group: str = ""
    control: str = ""  # ORC-1
    drug: Code = Code()
    alternate: Code = Code()  # the drug in a second coding system, where the sender gives one
    components: tuple[Component, ...] = ()
    dose: Quantity | None = None
    rate: Quantity | None = None
    route: str = "unknown"
    method: str = "unknown"
    ordered_minutes: int | None = None
    indication: str = ""
    note: str = ""


class DrugGiveOrdered(Event, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """A dose that is to be given at a moment (RGV), as a pump or a nurse is told. What is planned: not coded from."""

    placer: str = ""
    filler: str = ""
    group: str = ""
    control: str = ""
    sub_id: str = ""  # RXG-1
    at: Time | None = None  # RXG-3
    drug: Code = Code()
    alternate: Code = Code()
    components: tuple[Component, ...] = ()
    dose: Quantity | None = None
    rate: Quantity | None = None
    strength: Quantity | None = None
    volume: Quantity | None = None
    route: str = "unknown"
    method: str = "unknown"
    device: str = "none"
    access_site: str = ""
    ordered_minutes: int | None = None
    note: str = ""


class DrugDispensed(Event, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """What pharmacy or a cabinet handed out (RDS). It may lie in a drawer still: not coded from."""

    placer: str = ""
    filler: str = ""
    group: str = ""
    control: str = ""
    sub_id: str = ""  # RXD-1
    at: Time | None = None  # RXD-3
    drug: Code = Code()
    alternate: Code = Code()
    components: tuple[Component, ...] = ()
    quantity: Quantity | None = None
    prescription: str = ""  # RXD-7
    route: str = "unknown"
    method: str = "unknown"
    note: str = ""


NOT_CODED = (DrugGiveOrdered, DrugDispensed)  # read for others; an encounter does not need them


class OrderStopped(Event, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """The order was cancelled or discontinued (ORC-1 CA, OC, DC, OD)."""

    placer: str = ""
    filler: str = ""
    control: str = ""


class EncounterEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What an ADT message says; the visit itself stands in the message."""

    at: Time | None = None  # when it happened: PV1-44 or 45, else EVN-6, else EVN-2, else MSH-7


class EncounterOpened(EncounterEvent, frozen=True, kw_only=True, tag=True):
    """Admitted or registered (A01, A04)."""


class EncounterUpdated(EncounterEvent, frozen=True, kw_only=True, tag=True):
    """Something about it changed (A08); class, times or ids may change with it."""


class EncounterClosed(EncounterEvent, frozen=True, kw_only=True, tag=True):
    """Discharged (A03)."""


class EncounterReopened(EncounterEvent, frozen=True, kw_only=True, tag=True):
    """The discharge was cancelled (A13)."""


class EncounterCancelled(EncounterEvent, frozen=True, kw_only=True, tag=True):
    """The visit was cancelled (A11) or its record deleted (A23): administrations on it need a new home."""


class EncounterMoved(EncounterEvent, frozen=True, kw_only=True, tag=True):
    """The patient went to another location (A02, A12)."""


class EncounterClassChanged(EncounterEvent, frozen=True, kw_only=True, tag=True):
    """Outpatient to inpatient or back (A06, A07)."""


class EncounterSwapped(EncounterEvent, frozen=True, kw_only=True, tag=True):
    """Two patients changed beds (A17). The message's own patient and visit are the first; these are the second."""

    other_patient: Patient
    other_visit: Visit


class EncounterMerged(Event, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """What stood under one identity stands under another from now on, whenever it was or will be sent (MRG segment).

    Scope "patient": everything of the old patient (A18, A34, A40, A43, A47). Scope "account" or "visit": what was
    sent under that number (A35, A41, A42, A44, A45, A49, A50, A51, an A06 or A07 with MRG), which may also change the
    patient. An empty `new_id` means that the number stays as it is and only the patient changes.
    """

    scope: str  # "patient", "account", "visit"
    old_patient: Patient
    new_patient: Patient
    old_id: str = ""  # account or visit number; empty for a whole patient
    new_id: str = ""
    at: Time | None = None  # as for EncounterEvent


AnyEvent = (
    AdministrationStarted
    | AdministrationGiven
    | AdministrationStopped
    | AdministrationPaused
    | AdministrationResumed
    | AdministrationRateChanged
    | DrugWasted
    | LineKeptOpen
    | AdministrationNotGiven
    | AdministrationVoided
    | AdministrationUnclear
    | DrugOrdered
    | DrugGiveOrdered
    | DrugDispensed
    | OrderStopped
    | EncounterOpened
    | EncounterUpdated
    | EncounterClosed
    | EncounterReopened
    | EncounterCancelled
    | EncounterMoved
    | EncounterClassChanged
    | EncounterSwapped
    | EncounterMerged
)


class Message(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One message, read: its header, whom and which encounter it is about, and what it says happened."""

    header: Header
    patient: Patient
    visit: Visit
    events: tuple[AnyEvent, ...] = ()
    remarks: tuple[Remark, ...] = ()  # about the header, the visit, and rows that say nothing happened
