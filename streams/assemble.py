"""The pure fold: facts of one encounter, in any order, into the encounter that is coded.

This is the only place where an event becomes a `coding.Encounter`.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from msgspec.structs import replace

import coding
from hl7_parsers import events as hl7
from hl7_parsers.events import Message
from streams.administrations import Draft, Misfit, drug_key, exact, is_running, newest, order_rows, runs_of
from streams.boluses import mark_boluses
from streams.documents import documented
from streams.drug_orders import drug_of, drug_orders
from streams.identity import Who, patient_key
from streams.pump_log import gather_all
from streams.pump_visits import identity_of, is_report
from streams.records import DocumentFact, Fact, MessageFact
from streams.visit import Visit


@dataclass(frozen=True, slots=True)
class Site:
    """What the site's settings add to what the messages say."""

    setting: coding.Setting = coding.Setting.FACILITY
    payer: str = ""
    place_of_service: str = ""
    time_zone: str = ""
    payers: Mapping[str, str] = field(default_factory=dict)  # plan or insurer as sent (IN1-2, IN1-3) to payer
    recurring: str = "date"  # a series account (PV1-2 R) is an encounter for each date of service, or one: "account"


def encounter_of(message: Message) -> Who:
    """Patient key and encounter id of a message.

    A message that names no visit belongs to the patient's day: id, "@" and the local date of its first event. A pump's
    report belongs to its order, until the chart says to which visit that belongs.
    """
    patient = patient_key(message.patient.authority, message.patient.id)
    if message.visit.id:
        return Who(patient, message.visit.id)
    if (of_order := identity_of(message, patient)) is not None:
        return of_order
    times = [getattr(event, "at", None) or event.entered for event in message.events]
    at = next((time.at for time in times if time), None) or (message.header.time.at if message.header.time else None)
    return Who(patient, f"{message.patient.id}@{at.date().isoformat() if at else 'undated'}")


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts of one encounter, or of a series account, with its rows put together into administrations."""

    messages: list[MessageFact]  # in order of time
    drafts: list[Draft]
    misfits: list[Misfit]
    orders: dict[str, hl7.DrugOrdered]  # by placer and filler number
    documents: list[DocumentFact]  # in order of time

    @classmethod
    def of(cls, facts: Iterable[Fact]) -> Gathered:
        """Facts in any order; those of one moment keep the order they are given in."""
        messages: list[MessageFact] = []
        documents: list[DocumentFact] = []
        for fact in facts:
            if isinstance(fact, MessageFact):
                messages.append(fact)
            elif isinstance(fact, DocumentFact):
                documents.append(fact)
        messages.sort(key=lambda fact: _message_order(fact.message))
        documents.sort(key=lambda fact: fact.received_at)
        read = [fact.message for fact in messages]
        drafts, misfits = gather_all(order_rows(read))
        mark_boluses(drafts)
        return cls(messages, drafts, misfits, _orders(read), documents)

    @property
    def about_visit(self) -> list[Message]:
        """The messages that tell of the visit: a pump's reports only where there are no others."""
        read = [fact.message for fact in self.messages]
        return [message for message in read if not is_report(message)] or read

    @property
    def has_running_infusion(self) -> bool:
        """Whether an infusion has begun and not ended, by what is known now."""
        return any(is_running(draft) for draft in self.drafts if not draft.is_voided)


def assemble(facts: Iterable[Fact], site: Site, who: Who | None = None, doubts: Iterable[str] = ()) -> coding.Encounter:
    """The encounter that these facts make, under the identity that it has now.

    Args:
        facts: in any order, those of one moment as their ids have it; some may come from other identities.
        who: what it is called now; None for what its first message calls it.
        doubts: remarks about the identity.
    """
    gathered = Gathered.of(facts)
    who = who or encounter_of(gathered.messages[0].message)
    return encounter(gathered, Visit.of(gathered.about_visit), site, who, doubts)


def encounter(gathered: Gathered, visit: Visit, site: Site, who: Who, doubts: Iterable[str] = ()) -> coding.Encounter:
    """The encounter of these administrations and this visit."""
    given, remarks = documented(_administrations(gathered.drafts, gathered.orders), gathered.documents)
    remarks |= {*doubts, *_about_messages([fact.message for fact in gathered.messages])}
    remarks |= {misfit.remark for misfit in gathered.misfits} | visit.remarks
    if visit.doubts:
        given = tuple(replace(one, remarks=tuple(sorted({*one.remarks, *visit.doubts}))) for one in given)
    authority, _, patient_id = who.patient.partition("|")
    return coding.Encounter(
        encounter_id=who.encounter_id,
        patient_id=patient_id,
        patient_id_authority=authority,
        facility=visit.facility,
        location=visit.location,
        setting=site.setting,
        payer=next((site.payers[name] for name in visit.insurance if name in site.payers), site.payer),
        place_of_service=site.place_of_service,
        arrived_at=visit.arrived_at,
        departed_at=visit.departed_at,
        status_changes=visit.status_changes,
        is_cancelled=visit.is_cancelled,
        administrations=given,
        orders=drug_orders([fact.message for fact in gathered.messages]),
        time_zone=site.time_zone,
        remarks=tuple(sorted(remarks)),
    )


def _message_order(message: Message) -> tuple[float, str, str]:
    header = message.header
    return (header.time.at.timestamp() if header.time else 0.0), header.control_id, header.kind


def _about_messages(messages: Sequence[Message]) -> set[str]:
    """Remarks about the messages as such: the reader's, no visit named, a control id used for two different ones.

    A doubt about when a message was sent is none of the encounter's where administrations have times of their own.
    """
    remarks = {
        remark.id
        for message in messages
        for remark in message.remarks
        if remark.place != "MSH-7" or not _has_own_times(message)
    }
    charted = [message for message in messages if not is_report(message)] or messages
    if charted and not charted[0].visit.id:
        remarks.add("ENCOUNTER_UNKNOWN")
    used = Counter(
        (m.header.application, m.header.facility, m.header.control_id) for m in messages if m.header.control_id
    )
    if any(number > 1 for number in used.values()):
        remarks.add("CONTROL_ID_REUSED")
    return remarks


def _has_own_times(message: Message) -> bool:
    """Whether a message is of administrations alone, each with its time."""
    return all(isinstance(event, hl7.AdministrationEvent) and event.at for event in message.events)


def _orders(messages: Sequence[Message]) -> dict[str, hl7.DrugOrdered]:
    """The newest word on each order by its numbers: pharmacy's, else the prescriber's."""
    ordered = [event for message in messages for event in message.events if isinstance(event, hl7.DrugOrdered)]
    ordered.sort(key=lambda event: not event.is_request)
    return {number: event for event in ordered for number in (event.placer, event.filler) if number}


# -- administrations ---------------------------------------------------------------------------------------------


def _administrations(drafts: Sequence[Draft], orders: dict[str, hl7.DrugOrdered]) -> tuple[coding.Administration, ...]:
    """Every administration that was not voided, with an id of its own. In order of id."""
    standing = [draft for draft in drafts if not draft.is_voided]
    names = Counter(_short_id(draft) for draft in standing)
    made = []
    for draft in standing:
        short = _short_id(draft)
        start = exact(draft.opening.at)
        moment = f":{start:%Y%m%dT%H%M%S}" if start else ""
        unique = short if names[short] == 1 else f"{short}:{drug_key(draft.opening)}{moment}"
        order = orders.get(draft.opening.placer) or orders.get(draft.opening.filler)
        made.append(_MADE.of(draft, unique, order))
    return tuple(sorted(made, key=lambda administration: administration.administration_id))


class _Made:
    """Administrations made lately, by what they were made of: late news changes one of an encounter's, not all.

    The same fact folded again is the same object (`records.recall_fact`), so identity tells, and is cheap to ask for.
    What an entry was made of is kept with it: nothing else can take its identity.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[Any, tuple[object, coding.Administration]] = OrderedDict()

    def of(self, draft: Draft, unique: str, order: hl7.DrugOrdered | None) -> coding.Administration:
        """The administration of a draft."""
        rows = (draft.rows, draft.moments, draft.joined, draft.reported)
        events = [[row.event for row in some] for some in rows]
        of_draft = (tuple(draft.remarks), draft.runs, draft.stop_source, draft.pump_minutes)
        key = (unique, id(order), *(tuple(map(id, some)) for some in events), of_draft)
        found = self._made.get(key)
        if found is not None:
            self._made.move_to_end(key)
            return found[1]
        made = _administration(draft, unique, order)
        self._made[key] = ((order, events), made)
        if len(self._made) > self._most:
            self._made.popitem(last=False)
        return made


_MADE = _Made(20_000)


def _short_id(draft: Draft) -> str:
    opening = draft.opening
    number = opening.placer or opening.filler or draft.rows[0].control_id
    return f"{number}:{opening.sub_id}" if opening.sub_id else number


def _administration(draft: Draft, administration_id: str, order: hl7.DrugOrdered | None) -> coding.Administration:
    def value(name: str, empty: object = "") -> object:
        found = newest(draft, name, empty)
        return getattr(order, name, empty) if found == empty and order is not None else found

    dose = cast("hl7.Quantity | None", newest(draft, "dose", None))
    rate = cast("hl7.Quantity | None", newest(draft, "rate", None))
    charted = [row.event.entered.at for row in draft.rows if row.event.entered]
    rows = [*draft.rows, *draft.moments, *draft.joined, *draft.reported]
    device = str(newest(draft, "device", "none"))
    indication = str(value("indication"))
    return coding.Administration(
        administration_id=administration_id,
        drug=_drug(draft, cast(hl7.Code, value("drug", hl7.Code()))),
        components=tuple(drug_of(part.drug) for part in cast("tuple[hl7.Component, ...]", value("components", ()))),
        route=coding.Route(str(value("route", "unknown"))),
        method=coding.Method(str(value("method", "unknown"))),
        device=coding.Device("pump" if device == "none" and draft.reported else device),
        access_site=str(newest(draft, "access_site", "")),
        runs=runs_of(draft),
        stop_source=draft.stop_source,
        pump_minutes=draft.pump_minutes,
        completion=_completion(draft),
        dose_amount=dose.amount if dose else None,
        dose_unit=dose.unit if dose else "",
        component_doses=_component_doses(cast("tuple[hl7.Component, ...]", value("components", ()))),
        waste=_measure(cast("hl7.Quantity | None", newest(draft, "waste", None))),
        ndc=_ndc(draft),
        lot=str(newest(draft, "lot", "")),
        volume_ml=dose.amount if dose and dose.unit.casefold() in _ML else None,
        rate_ml_per_hour=rate.amount if rate and rate.unit.casefold().replace(" ", "") in _ML_PER_HOUR else None,
        ordered_minutes=cast("int | None", value("ordered_minutes", None)),
        order_text=" ".join(text for text in (str(newest(draft, "note", "")), order.note if order else "") if text),
        indication=indication,
        has_order=bool(draft.opening.placer or draft.opening.filler),
        charted_at=min(charted, default=None),
        order_number=draft.opening.placer or draft.opening.filler,
        other_order_numbers=(draft.opening.filler,) if draft.opening.placer and draft.opening.filler else (),
        message_control_ids=tuple(dict.fromkeys(row.control_id for row in rows if row.control_id)),
        remarks=tuple(sorted({remark.id for row in rows for remark in row.event.remarks} | set(draft.remarks))),
    )


def _drug(draft: Draft, code: hl7.Code) -> coding.Drug:
    """The drug that was given, with its code in a second system."""
    alternate = cast("hl7.Code", newest(draft, "alternate", hl7.Code()))
    return drug_of(code, alternate, is_blood=bool(newest(draft, "blood_unit", "")))


def _measure(quantity: hl7.Quantity | None) -> coding.Measure | None:
    return coding.Measure(quantity.amount, quantity.unit) if quantity else None


def _component_doses(parts: Sequence[hl7.Component]) -> tuple[coding.Measure | None, ...]:
    """The doses of a mixture's drugs; empty when none is known."""
    doses = tuple(_measure(part.quantity) for part in parts)
    return doses if any(doses) else ()


def _ndc(draft: Draft) -> str:
    """The package's number where RXA-5 holds one, as its code or as the alternate; the newest row's."""
    rows = [*draft.rows, *draft.moments]
    codes = [code for row in reversed(rows) for code in (row.event.drug, row.event.alternate)]
    return next((code.id for code in codes if code.system.upper() in _NDC_SYSTEMS), "")


_NDC_SYSTEMS = frozenset({"NDC", "N", "NDC11", "2.16.840.1.113883.6.69"})
_ML = frozenset({"ml", "mls"})
_ML_PER_HOUR = frozenset({"ml/hr", "ml/h", "ml/hour", "mls/hr"})


def _completion(draft: Draft) -> coding.Completion:
    last = draft.rows[-1].event
    if isinstance(last, hl7.AdministrationNotGiven):
        return coding.Completion.NOT_GIVEN
    if isinstance(last, hl7.AdministrationUnclear):
        return coding.Completion.UNKNOWN
    return coding.Completion.PARTLY_GIVEN if last.word.strip().upper() == "PA" else coding.Completion.GIVEN
