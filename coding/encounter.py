"""What is given: an encounter, its administrations, where and when they ran."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct


class Setting(StrEnum):
    """Whose claim it is: the hospital's (UB-04, 837I) or the practitioner's (CMS-1500, 837P)."""

    FACILITY = "facility"
    PROFESSIONAL = "professional"


class Route(StrEnum):
    """How the drug entered the body, as recorded."""

    INTRAVENOUS = "intravenous"
    INTRAMUSCULAR = "intramuscular"
    SUBCUTANEOUS = "subcutaneous"
    INTRADERMAL = "intradermal"
    INTRA_ARTERIAL = "intra_arterial"
    INTRATHECAL = "intrathecal"
    INTRAVENTRICULAR = "intraventricular"
    INTRAPLEURAL = "intrapleural"
    INTRAPERITONEAL = "intraperitoneal"
    INTRALESIONAL = "intralesional"
    EPIDURAL = "epidural"
    ORAL = "oral"
    OTHER = "other"  # known, and never a drug-administration code of ours: topical, inhaled, rectal ...
    UNKNOWN = "unknown"  # absent, or a value the sender's profile does not know


class Method(StrEnum):
    """What was recorded as the way it was given; the technique it counts as is the engine's to say."""

    INFUSION = "infusion"
    PUSH = "push"
    INJECTION = "injection"
    UNKNOWN = "unknown"


class Device(StrEnum):
    """The device it ran through, where that changes the code."""

    NONE = "none"
    PUMP = "pump"
    PORTABLE_PUMP = "portable_pump"
    IMPLANTED_PUMP = "implanted_pump"
    ON_BODY_INJECTOR = "on_body_injector"


class Completion(StrEnum):
    """What the record says became of it."""

    GIVEN = "given"
    PARTLY_GIVEN = "partly_given"
    NOT_GIVEN = "not_given"
    UNKNOWN = "unknown"  # an action word that the sender's profile does not map


class PatientStatus(StrEnum):
    """What the patient was to the hospital from a moment on."""

    OUTPATIENT = "outpatient"
    INPATIENT = "inpatient"


class Drug(Struct, frozen=True, gc=False, cache_hash=True):
    """A drug as the record names it."""

    code: str
    code_system: str
    name: str
    other_code: str = ""  # in a second system, where the record has one
    other_system: str = ""


class Measure(Struct, frozen=True, gc=False):
    """An amount of a drug with its unit, as recorded."""

    amount: Decimal
    unit: str


class Run(Struct, frozen=True, gc=False):
    """A stretch of running time. Both times aware; None is "not documented", never zero."""

    start: datetime | None
    stop: datetime | None


class Administration(Struct, frozen=True, gc=False, kw_only=True):
    """One drug (or one bag of several) given once, start to stop.

    `runs` is in order of time and not empty: one run, or one before each charted pause and one after each
    charted restart. A push recorded at a moment is one run with no stop.
    """

    administration_id: str
    drug: Drug
    components: tuple[Drug, ...] = ()  # every drug in the bag or syringe, when there is more than one
    route: Route = Route.UNKNOWN
    method: Method = Method.UNKNOWN
    device: Device = Device.NONE
    access_site: str = ""  # as recorded; "" when it is not
    runs: tuple[Run, ...] = (Run(None, None),)
    stop_source: str = "charted"  # or "pump"; says nothing when there is no stop
    pump_minutes: int | None = None  # what the pump's log counts beside charted times; None when there is none
    completion: Completion = Completion.GIVEN
    dose_amount: Decimal | None = None
    dose_unit: str = ""
    component_doses: tuple[Measure | None, ...] = ()  # of each component, in their order; empty when none is known
    waste: Measure | None = None  # discarded of what was opened; an amount of 0 is "nothing", None "not charted"
    ndc: str = ""  # of the package that was scanned, as recorded
    lot: str = ""
    volume_ml: Decimal | None = None  # volume actually infused, by the nursing record
    rate_ml_per_hour: Decimal | None = None  # rate actually run, by the nursing record
    ordered_minutes: int | None = None  # planned duration of the order: never billable by itself
    order_text: str = ""  # what the order or note says of purpose or rate (KVO, flush ...)
    indication: str = ""
    has_order: bool = True
    charted_at: datetime | None = None
    second_site_reason: str = ""  # why a second access site was needed, when charted
    order_number: str = ""
    other_order_numbers: tuple[str, ...] = ()  # by which an order may name it too
    message_control_ids: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  # ids of what the reader or the assembly noted, each becomes a finding


class StatusChange(Struct, frozen=True, gc=False):
    """The patient is `status` from `at` on."""

    at: datetime
    status: PatientStatus


class DrugOrder(Struct, frozen=True, gc=False, kw_only=True):
    """A drug that was ordered, by all the numbers it goes by. What is planned, never what was given."""

    numbers: tuple[str, ...]
    drug: Drug
    route: Route = Route.UNKNOWN
    method: Method = Method.UNKNOWN
    dose: Measure | None = None
    ordered_minutes: int | None = None
    is_stopped: bool = False  # cancelled or discontinued
    message_control_ids: tuple[str, ...] = ()


class Encounter(Struct, frozen=True, gc=False, kw_only=True):
    """One patient's visit, the unit we code. The order of `administrations` carries no meaning."""

    encounter_id: str
    patient_id: str
    patient_id_authority: str = ""
    facility: str = ""
    location: str = ""  # the unit it was in last, as recorded: for those who ask there, and for its modifier off campus
    setting: Setting = Setting.FACILITY
    payer: str = ""  # as the site names it; "" when unknown
    place_of_service: str = ""  # two digits on professional claims; "" when unknown
    arrived_at: datetime | None = None
    departed_at: datetime | None = None
    status_changes: tuple[StatusChange, ...] = ()  # in order of time; empty: an outpatient throughout
    is_cancelled: bool = False
    administrations: tuple[Administration, ...] = ()
    orders: tuple[DrugOrder, ...] = ()
    primary_reason_administration_id: str = ""  # the service the office visit was for, when the clinic says so
    time_zone: str = ""  # IANA name for local dates; "" when only the offsets of the times are known
    remarks: tuple[str, ...] = ()  # ids of what the assembly noted about the encounter as a whole
