"""Pumps: which of their reports says that a delivery began or ended, when, of which order, at which rate."""

import contextlib
from decimal import Decimal

import pytest

from hl7_parsers import HL7Error, Message, MissingPatient, UnsupportedMessage, events, parse_message
from hl7_parsers.events import AdministrationEvent, Code, Quantity
from tests.hl7_parsers.samples import message, remarks

MSH = "MSH|^~\\&|PUMPS^0011^EUI-64|SYNTH|DRIP|BILL|20260302120000-0500||ORU^R42^ORU_R01|P-1|P|2.6"
PID = "PID|||SYN001^^^SYNTH^PI||SYNTHETIC^PATIENT"
OBR = "OBR|1|ORD1^EHR|PRG1^PUMPS|SYN1^DRUG ONE^99SYN|||20260302100000-0500"
DEVICE = "OBX|1||70049^MDC_DEV_PUMP_INFUS_LVP_MDS^MDC|1.0.0.0|||||||X|||||||PUMP7^^0012^EUI-64"
SOURCE = "OBX|3|ST|68488^MDC_ATTR_EVT_SOURCE^MDC|1.1.0.4|1.1.2.0||||||R"
ML_PER_HOUR = "265266^MDC_DIM_MILLI_L_PER_HR^MDC^mL/h^mL/h^UCUM"


def condition(what: str, at: str = "", number: str = "0") -> str:
    return f"OBX|2|CWE|68487^MDC_ATTR_EVT_COND^MDC|1.1.0.3|{number}^MDC_EVT_PUMP_DELIV_{what}^MDC||||||R|||{at}"


def status(text: str) -> str:
    return f"OBX|9|CWE|158005^MDC_PUMP_CURRENT_DELIVERY_STATUS^MDC|1.1.2.22|^pump-delivery-status-{text}||||||R"


def read(*segments: str) -> Message:
    return parse_message(message(MSH, PID, OBR, DEVICE, *segments))


def delivery(*segments: str) -> AdministrationEvent:
    (event,) = read(*segments).events
    assert isinstance(event, AdministrationEvent)
    return event


@pytest.mark.parametrize(
    ("what", "state", "kind"),
    [
        ("START", "delivering", events.AdministrationStarted),
        ("START", "kvo", events.LineKeptOpen),
        ("STOP", "transitioning", events.AdministrationRateChanged),
        ("STOP", "not-delivering", events.AdministrationPaused),
        ("COMP", "transitioning", events.AdministrationStopped),
        ("COMP", "not-delivering", events.AdministrationStopped),
    ],
)
def test_a_delivery_event_means_what_the_pump_does_after_it(what: str, state: str, kind: type) -> None:
    event = delivery(condition(what), SOURCE, status(state))
    assert type(event) is kind
    assert (event.pump, event.device, event.method) == ("PUMP7/1.1.2", "pump", "infusion")
    assert event.word == f"MDC_EVT_PUMP_DELIV_{what}"


def test_the_number_of_an_event_does_not_matter() -> None:
    old = condition("STOP", number="197290").replace("MDC_EVT", "MDCX_EVT").replace("MDC_ATTR", "MDCX_ATTR")
    assert type(delivery(old, status("not-delivering"))) is events.AdministrationPaused


def test_older_pumps_say_in_another_place_how_they_stand() -> None:
    stat = "OBX|5|ST|184508^MDC_PUMP_STAT^MDC|1.1.1.101|^pump-status-kvo||||||R"
    assert type(delivery(condition("START"), stat)) is events.LineKeptOpen


def test_order_drug_rate_and_volume_come_with_their_places() -> None:
    other = f"OBX|7|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|1.1.3.5|50|{ML_PER_HOUR}|||||R"
    rate = f"OBX|8|NM|157784^MDC_FLOW_FLUID_PUMP^MDC|1.1.2.5|75.5|{ML_PER_HOUR}|||||R"
    volume = "OBX|10|NM|157993^MDC_VOL_FLUID_DELIV_TOTAL^MDC|1.1.2.11|12|1618^mL^UCUM^263762^MDC_DIM_MILLI_L^MDC|||||R"
    event = delivery(condition("START"), SOURCE, other, rate, volume, status("delivering"))
    assert (event.placer, event.filler, event.drug) == ("ORD1", "PRG1", Code("SYN1", "DRUG ONE", "99SYN"))
    assert event.rate == Quantity(Decimal("75.5"), "mL/h")
    assert event.delivered == Quantity(Decimal(12), "mL")
    assert event.places["placer"] == "OBR[1]-2"
    assert event.places["rate"] == "OBX[5]-5"
    assert event.places["word"] == "OBX[2]-5"


@pytest.mark.parametrize(
    ("obx_time", "obr_time", "at", "place"),
    [
        ("20260302095500-0500", "20260302100000-0500", "09:55", "OBX[1]-14"),
        ("", "20260302100000-0500", "10:00", "OBR[1]-7"),
        ("junk", "20260302100000-0500", "10:00", "OBR[1]-7"),
    ],
)
def test_the_time_is_when_it_happened_not_when_it_was_sent(obx_time: str, obr_time: str, at: str, place: str) -> None:
    obr = OBR.replace("20260302100000-0500", obr_time)
    (event,) = parse_message(message(MSH, PID, obr, condition("START", obx_time))).events
    assert isinstance(event, AdministrationEvent)
    assert event.at is not None
    assert (f"{event.at.at:%H:%M}", event.places["at"]) == (at, place)


@pytest.mark.parametrize(
    ("time", "remark"), [("", "TIME_MISSING"), ("2026030210", "TIME_TOO_COARSE"), ("junk", "TIME_UNREADABLE")]
)
def test_a_time_that_gives_no_minutes_is_remarked_on(time: str, remark: str) -> None:
    obr = OBR.replace("20260302100000-0500", time)
    (event,) = parse_message(message(MSH, PID, obr, condition("START"))).events
    assert remark in {each for each, _ in remarks(event)}


def test_no_order_and_no_drug_are_not_taken_for_some() -> None:
    obr = "OBR|1|0^PUMPS|0^PUMPS|999999^Unknown medication|||20260302100000-0500"
    label = "OBX|4|ST|184514^MDC_DRUG_NAME_LABEL^MDC|1.1.2.2|Drug Two||||||R"
    (event,) = parse_message(message(MSH, PID, obr, DEVICE, condition("START"), label)).events
    assert isinstance(event, AdministrationEvent)
    assert (event.placer, event.filler, event.drug) == ("", "", Code("", "Drug Two"))
    device = OBR.replace("SYN1^DRUG ONE^99SYN", "69985^MDC_DEV_PUMP_INFUS_MDS^MDC")
    (event,) = parse_message(message(MSH, PID, device, DEVICE, condition("START"))).events
    assert isinstance(event, AdministrationEvent)
    assert event.drug == Code()


def test_each_channel_under_its_own_order_is_an_event() -> None:
    second = OBR.replace("ORD1", "ORD2")
    found = read(condition("STOP"), second, condition("START")).events
    assert [(type(e), e.placer) for e in found if isinstance(e, AdministrationEvent)] == [
        (events.AdministrationPaused, "ORD1"),
        (events.AdministrationStarted, "ORD2"),
    ]


@pytest.mark.parametrize(
    ("trigger", "segment", "reason"),
    [
        ("R01", status("delivering"), "PUMP_STATUS_ONLY"),
        ("R40", "OBX|2|CWE|196616^MDC_EVT_ALARM^MDC|1.0|196940^MDC_EVT_FLUID_LINE_OCCL^MDC", "ALARM_ONLY"),
        ("R42", "OBX|2|CWE|196616^MDC_EVT_ALARM^MDC|1.0|196940^MDC_EVT_FLUID_LINE_OCCL^MDC", "ALARM_ONLY"),
        ("R01", "OBX|1|NM|2345-7^GLUCOSE^LN||99", "TYPE_NOT_CODED"),
    ],
)
def test_what_says_no_start_and_no_stop_is_refused_for_its_reason(trigger: str, segment: str, reason: str) -> None:
    raw = message(MSH.replace("R42", trigger), PID, OBR.replace("PUMP", "LAB"), segment)
    with pytest.raises(UnsupportedMessage) as refused:
        parse_message(raw)
    assert refused.value.reason == reason


@pytest.mark.parametrize("trigger", ["R42", "R40", "R01"])
def test_a_delivery_event_is_read_whatever_trigger_carries_it(trigger: str) -> None:
    raw = message(MSH.replace("R42", trigger), PID, OBR, condition("START"))
    assert len(parse_message(raw).events) == 1


def test_a_pump_with_an_unknown_patient_is_nobodys() -> None:
    unknown = "PID|||Unknown^^^SYNTH" + "|" * 28 + "Y"
    with pytest.raises(MissingPatient) as refused:
        parse_message(message(MSH, unknown, OBR, condition("START")))
    assert refused.value.place == "PID-31"


def test_an_event_that_is_only_spoken_of_is_remarked_on() -> None:
    found = read("OBX|2|ST|1^NOTE^L|1.1|MDC_EVT_PUMP_DELIV_START seen")
    assert found.events == ()
    assert [remark.id for remark in found.remarks] == ["NO_PUMP_EVENT"]


@pytest.mark.parametrize("cut", range(60, 700, 23))
def test_a_cut_report_is_read_or_refused_by_name(cut: int) -> None:
    whole = message(MSH, PID, OBR, DEVICE, condition("START"), SOURCE, status("delivering"))
    with contextlib.suppress(HL7Error):
        assert len(parse_message(whole[:cut]).events) <= 1
