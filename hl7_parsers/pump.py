"""ORU from infusion pumps: what the device says it delivered. IHE PCD-10 (infusion pump event communication).

Only a delivery event (MDC_EVT_PUMP_DELIV_START, _STOP, _COMP) makes an event of ours, by its reference id: drafts and
devices differ in the numbers. Periodic reports (PCD-01) and alarms (PCD-04) say how things stand and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from hl7_parsers import events, fields
from hl7_parsers.draft import Draft
from hl7_parsers.er7 import Er7, Segment
from hl7_parsers.errors import MissingPatient, UnsupportedMessage
from hl7_parsers.events import AdministrationEvent, Code, Quantity
from hl7_parsers.fields import at
from hl7_parsers.header import Times
from hl7_parsers.profile import SenderProfile

_DELIVERY = "EVT_PUMP_DELIV_"
_ALARM = "MDC_EVT_ALARM"
_DEVICE = "PUMP_"
_PREFIX = re.compile(r"MDCX?_(?:DEV_(?=PUMP_))?")  # of a reference id; X marks one that is not yet assigned
_NO_ORDER = "0"  # how gateways say that the pump runs without one
_NO_DRUG = frozenset({"999999"})  # B. Braun: not in the drug library
_DRUG_NAMES = ("DRUG_NAME_LABEL", "DRUG_NAME_TYPE", "PUMP_INFUS_DRUG_NAME")
_RATES = ("FLOW_FLUID_PUMP", "FLOW_FLUID_PUMP_CURRENT")
_VOLUMES = ("VOL_FLUID_DELIV_TOTAL", "VOL_FLUID_DELIV_TOTAL_SET", "VOL_FLUID_DELIV")
_STATUS = ("PUMP_CURRENT_DELIVERY_STATUS", "PUMP_STAT", "PUMP_INFUSING_STATUS")


class Metric(NamedTuple):
    """One value that the pump reports: its reference id without prefix, its channel and its segment."""

    name: str
    channel: str  # OBX-4, without the last number
    obx: Segment

    @property
    def text(self) -> str:
        """The value, or the text of a coded one."""
        return self.obx.text(5) or self.obx.text(5, 2)


@dataclass(slots=True)
class Report:
    """One OBR and the metrics under it."""

    obr: Segment | None
    metrics: list[Metric] = field(default_factory=list)

    def find(self, names: tuple[str, ...], channel: str) -> Metric | None:
        """The first of these metrics that is filled, in the channel of the event before any other."""
        for name in names:
            filled = [metric for metric in self.metrics if metric.name == name and metric.text]
            if filled:
                return next((metric for metric in filled if metric.channel == channel), filled[0])
        return None


def refuse_without_delivery(message: Er7, trigger: str) -> None:
    """Raises UnsupportedMessage when no pump says that a delivery began or ended; nothing is split to find out.

    Raises MissingPatient when one does, of a patient that it does not know.
    """
    lines = [obx.line for obx in message.all("OBX")]
    if any(_DELIVERY in line for line in lines):
        _refuse_unknown_patient(message)
        return
    if trigger == "R40" or any(_ALARM in line for line in lines):
        raise UnsupportedMessage("ALARM_ONLY", "MSH-9.2", "an alarm by itself is no start and no stop")
    if any(_DEVICE in line for line in lines):
        raise UnsupportedMessage("PUMP_STATUS_ONLY", "OBX", "how a pump stands is no start and no stop")
    raise UnsupportedMessage("TYPE_NOT_CODED", "MSH-9.1", "nothing is coded from messages of this type")


def read_deliveries(message: Er7, times: Times, _profile: SenderProfile) -> list[AdministrationEvent]:
    """The delivery events of a message, in its order."""
    device = next((name for obx in message.all("OBX") if (name := obx.text(18))), "") or message.header.text(3)
    found: list[AdministrationEvent] = []
    for report in _reports(message):
        for condition in report.metrics:
            if condition.name == "ATTR_EVT_COND" and _DELIVERY in condition.obx.raw(5):
                found.append(_event(report, condition, device, times))
    return found


def _refuse_unknown_patient(message: Er7) -> None:
    """Raises MissingPatient when the sender says that it does not know who is on the pump."""
    pid = message.first("PID")
    if pid is not None and pid.text(31).upper() == "Y":
        raise MissingPatient("NO_PATIENT", "PID-31", "link the pump to a patient: it reports an unknown one")


def _reports(message: Er7) -> Iterator[Report]:
    report = Report(None)
    for segment in message.all("OBR", "OBX"):
        if segment.name == "OBR":
            if report.metrics:
                yield report
            report = Report(segment)
        else:
            reference = segment.text(3, 2) or segment.text(3)
            report.metrics.append(Metric(_PREFIX.sub("", reference), segment.text(4).rpartition(".")[0], segment))
    if report.metrics:
        yield report


def _event(report: Report, condition: Metric, device: str, times: Times) -> AdministrationEvent:
    source = report.find(("ATTR_EVT_SOURCE",), condition.channel)
    channel = source.text.rpartition(".")[0] if source else condition.channel
    draft = Draft({"pump": f"{device}/{channel}", "device": "pump"})
    _put_order(report.obr, draft)
    _put_drug(report, channel, draft)
    _put_time(condition.obx, report.obr, draft, times)
    for name, names in (("rate", _RATES), ("delivered", _VOLUMES)):
        metric = report.find(names, channel)
        number = fields.number(metric.text) if metric else None
        if metric is not None and number is not None:
            draft.put(name, Quantity(number, fields.ucum(metric.obx, 6)), at(metric.obx, 5))
    what = _what(condition.obx)
    draft.put("word", what, at(condition.obx, 5))
    draft.put("method", "infusion", at(condition.obx, 5))
    status = report.find(_STATUS, channel)
    kind = _kind(what, status.text if status else "")
    return kind(**draft.values, places=draft.places, remarks=tuple(draft.remarks))


def _what(obx: Segment) -> str:
    """The reference id of the event, whichever component it stands in."""
    return next((text for n in (2, 1, 5, 4) if _DELIVERY in (text := obx.text(5, n))), obx.text(5, 2))


def _kind(what: str, status: str) -> type[AdministrationEvent]:
    """What the event means, by the state the pump is in after it.

    A stop in transition goes on at once at another rate or from another source; a start after it says which.
    """
    if what.endswith("_START"):
        return events.LineKeptOpen if status.endswith("kvo") else events.AdministrationStarted
    if what.endswith("_COMP"):
        return events.AdministrationStopped
    if status.endswith("transitioning"):
        return events.AdministrationRateChanged
    return events.AdministrationPaused


def _put_order(obr: Segment | None, draft: Draft) -> None:
    """OBR-2 and OBR-3: the numbers that the order has on the chart too, when the pump was programmed from it."""
    for name, number in (("placer", 2), ("filler", 3)):
        value = obr.text(number) if obr is not None else ""
        if obr is not None and value not in ("", _NO_ORDER):
            draft.put(name, value, at(obr, number))


def _put_drug(report: Report, channel: str, draft: Draft) -> None:
    """OBR-4, unless it names the device or no drug; else what the pump's library calls it."""
    obr = report.obr
    label = report.find(_DRUG_NAMES, channel)
    if obr is not None:
        drug = fields.code(obr, 4)
        if drug != fields.NO_CODE and drug.id not in _NO_DRUG and not _PREFIX.match(drug.text or drug.id):
            draft.put("drug", drug, at(obr, 4))
    if label is not None and "drug" not in draft.values:
        draft.put("drug", Code("", label.text), at(label.obx, 5))


def _put_time(obx: Segment, obr: Segment | None, draft: Draft, times: Times) -> None:
    """OBX-14, else OBR-7: pumps keep events while they are offline, so that MSH-7 may be hours later."""
    for segment, number in ((obx, 14), (obr, 7)):
        if segment is None:
            continue
        found = times.of(segment.raw(number))
        for doubt in found.doubts:
            draft.doubt(doubt, at(segment, number))
        if found.time is not None:
            draft.put("at", found.time, at(segment, number))
            return
    if not draft.remarks:
        draft.doubt("TIME_MISSING", at(obx, 14))
