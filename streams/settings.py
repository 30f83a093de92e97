"""The environment and one TOML file, read once into a frozen Settings."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from streams.log import Explained


class SettingsError(Explained):
    """A setting that is unknown or cannot be used; the message names the setting, its source and the way out."""


def _meaning(text: str, default: Any) -> Any:
    return field(default=default, metadata={"meaning": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. `dripcode settings` prints each with its value, source and meaning."""

    broker: str = _meaning("sqlite:///PATH, or kafka://HOST:PORT,…; empty: a file in data_dir", "")
    data_dir: Path = _meaning("folder for the embedded broker and local state", Path("dripcode-data"))
    topic_prefix: str = _meaning("put before every topic name and the application id", "")
    partitions: int = _meaning("partitions of every topic; fixed once the topics exist", 8)
    replication: int = _meaning("copies of every topic on Kafka", 1)
    instance: str = _meaning("name of this worker on Kafka, its own and kept over restarts: it is back at once", "")
    kafka_transport: str = _meaning("own (holds streams back in a rebalance) or stock (Faust's)", "own")
    kafka_security: str = _meaning("plaintext, ssl, or sasl_ssl (a user and password inside TLS)", "plaintext")
    kafka_ca: str = _meaning("PEM file with the CA of the brokers' certificates; empty: the machine's", "")
    kafka_certificate: str = _meaning("PEM file with our certificate, where brokers ask for one; empty: none", "")
    kafka_key: str = _meaning("PEM file with its private key; empty: in the certificate's file", "")
    kafka_sasl_mechanism: str = _meaning("SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN", "SCRAM-SHA-512")
    kafka_user: str = _meaning("the user on Kafka, with sasl_ssl", "")
    kafka_password_file: str = _meaning("file with that user's password", "")
    store: str = _meaning("rocksdb (facts on disk in data_dir) or memory (all read again at a start)", "rocksdb")
    kafka_session: timedelta = _meaning("a worker that is silent so long loses its partitions", timedelta(seconds=30))
    mllp_listen: str = _meaning("HOST:PORT of the MLLP listener", "127.0.0.1:2575")
    mllp_max_message: int = _meaning("largest HL7 message accepted, in bytes", 16 * 1024 * 1024)
    mllp_idle_timeout: timedelta = _meaning("close a connection that has been silent for so long", timedelta(hours=24))
    mllp_message_timeout: timedelta = _meaning("a message that has begun must end within so long", timedelta(minutes=2))
    mllp_answer_timeout: timedelta = _meaning("close when a sender does not read its answers", timedelta(minutes=1))
    mllp_store_timeout: timedelta = _meaning("unconfirmed by the broker for so long: not stored", timedelta(seconds=30))
    mllp_connections: int = _meaning("MLLP connections at once; more are closed as they come", 500)
    mllp_in_flight: int = _meaning("messages of one connection that may wait for their answer", 50)
    mllp_room: int = _meaning("bytes that may wait to be stored, all connections together", 64 * 1024 * 1024)
    mllp_tls_certificate: str = _meaning("PEM file with the listener's certificate and chain; empty: no TLS", "")
    mllp_tls_key: str = _meaning("PEM file with its private key; empty: in the certificate's file", "")
    mllp_tls_key_password_file: str = _meaning("file with the key's password; empty: the key has none", "")
    mllp_tls_client_ca: str = _meaning("PEM file with the CAs of senders' certificates; empty: none asked for", "")
    mllp_tls_client_names: str = _meaning("certificate names (CN or DNS) let in, by commas; empty: any of that CA", "")
    mllp_tls_minimum: str = _meaning("oldest TLS spoken: 1.2 or 1.3", "1.2")
    ack_when_not_stored: str = _meaning("the broker does not take it: close (no answer), error or reject", "close")
    ack_when_too_long: str = _meaning("over mllp_max_message, not stored: reject, error or close", "reject")
    ack_when_unreadable: str = _meaning("no usable header, to the dead letters: error, reject or accept", "error")
    ack_when_no_patient: str = _meaning("no usable patient, to the dead letters: accept, error or reject", "accept")
    ack_when_not_coded: str = _meaning("a type that nothing is coded from, ignored: accept, error or reject", "accept")
    processing_ids: str = _meaning("MSH-11 taken here, by commas, as P; others are ignored; empty: any", "")
    web_listen: str = _meaning("HOST:PORT of the pages", "127.0.0.1:8080")
    web_people: str = _meaning("TOML file of who may sign in; empty: no login, which only loopback allows", "")
    web_tls_certificate: str = _meaning("PEM file with the pages' certificate and chain; empty: no TLS", "")
    web_tls_key: str = _meaning("PEM file with its private key; empty: in the certificate's file", "")
    metrics_listen: str = _meaning("HOST:PORT of the worker's /metrics and health pages; empty: none", "127.0.0.1:9464")
    listener_metrics_listen: str = _meaning("the same of the listener; empty: none", "127.0.0.1:9465")
    projector_metrics_listen: str = _meaning("the same of the projector; empty: none", "127.0.0.1:9466")
    web_metrics_listen: str = _meaning("the same of the pages' server; empty: none", "127.0.0.1:9467")
    redis: str = _meaning("redis:// or rediss:// URL of the pages' read model; empty: a file in data_dir", "")
    redis_password_file: str = _meaning("file with the password of the URL's Redis user; empty: none", "")
    redis_ca: str = _meaning("PEM file with the CA of Redis' certificate; empty: the system's", "")
    setting: str = _meaning("facility or professional: whose claim it is", "facility")
    payer: str = _meaning("payer name handed to the coding policy; empty: unknown", "")
    payer_map: str = _meaning("TOML file: plan or insurer (IN1-2, IN1-3) to payer; empty: `payer` for all", "")
    place_of_service: str = _meaning("two digits, on professional claims; empty: unknown", "")
    policy: str = _meaning("TOML file with the site's policy switches; empty: the preset alone", "")
    formulary: str = _meaning("CSV with the site's drugs; empty: the built-in formulary alone", "")
    sender_map: str = _meaning("TOML file: sender (MSH-3, MSH-4) to profile and time zone; empty: none", "")
    unknown_senders: str = _meaning("whom sender_map does not name: standard (read so) or dead-letter", "standard")
    time_zone: str = _meaning("IANA zone of times that carry no offset, and of local dates", "")
    close_after_discharge: timedelta = _meaning("grace between the discharge and the claim", timedelta(hours=4))
    close_after_quiet: timedelta = _meaning("close when nothing came and nothing runs for so long", timedelta(hours=24))
    close_at_age: timedelta = _meaning("close whatever happens at this age", timedelta(days=30))
    reissue_until: timedelta = _meaning("a change so long after the first close is a finding", timedelta(days=365))
    facts_kept: timedelta = _meaning("facts are deleted so long after the first close", timedelta(days=730))
    look_after: timedelta = _meaning(
        "show an open encounter's findings after so long without news; 0s: never", timedelta(minutes=15)
    )
    recurring: str = _meaning("date or account: what of a series account (PV1-2 R) is one encounter", "date")
    close_check_every: timedelta = _meaning("how often due encounters are looked for", timedelta(seconds=1))
    stuck_after: timedelta = _meaning("exit when there is lag and no commit for so long", timedelta(minutes=5))
    publish_events: bool = _meaning("also publish medication.events", False)
    batch_size: int = _meaning("messages taken at once by an agent", 500)
    log_format: str = _meaning("text or json", "text")
    log_level: str = _meaning("debug, info, warning or error", "info")

    @property
    def broker_url(self) -> str:
        """The broker's address, the embedded default filled in."""
        return self.broker or f"sqlite:///{(self.data_dir / 'broker.db').absolute()}"

    @property
    def is_embedded(self) -> bool:
        """Whether the broker is one SQLite file."""
        return self.broker_url.startswith("sqlite:")


NAMES = tuple(f.name for f in fields(Settings))
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_duration(text: str) -> timedelta:
    """A duration of the forms 500ms, 90s, 30m, 4h, 30d. Raises ValueError."""
    match = re.fullmatch(r"(\d+)(ms|s|m|h|d)", text.strip())
    if not match:
        raise ValueError("a duration is a whole number and a unit: 500ms, 90s, 30m, 4h, 30d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _read_bool(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    if text.strip().lower() not in words:
        raise ValueError("true or false")
    return words[text.strip().lower()]


_READERS: Mapping[type, Callable[[str], Any]] = {
    bool: _read_bool,
    int: int,
    timedelta: read_duration,
    Path: Path,
    str: str,
}
_STORED = ("accept", "error", "reject")
_UNSTORED = ("close", "error", "reject")
_CHOICES = {
    "unknown_senders": ("standard", "dead-letter"),
    "mllp_tls_minimum": ("1.2", "1.3"),
    "ack_when_not_stored": _UNSTORED,
    "ack_when_too_long": _UNSTORED,
    "ack_when_unreadable": _STORED,
    "ack_when_no_patient": _STORED,
    "ack_when_not_coded": _STORED,
    "recurring": ("date", "account"),
    "setting": ("facility", "professional"),
    "kafka_transport": ("own", "stock"),
    "kafka_security": ("plaintext", "ssl", "sasl_ssl"),
    "kafka_sasl_mechanism": ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"),
    "store": ("rocksdb", "memory"),
    "log_format": ("text", "json"),
    "log_level": ("debug", "info", "warning", "error"),
}


def _value(name: str, given: object, source: str) -> Any:
    kind = type(getattr(Settings(), name))
    kind = Path if issubclass(kind, Path) else kind
    try:
        value = _READERS[kind](given if isinstance(given, str) else str(given))
    except ValueError as wrong:
        raise SettingsError(f"{source}: setting {name!r} cannot be used: {wrong}") from None
    choices = _CHOICES.get(name)
    if choices and value not in choices:
        raise SettingsError(f"{source}: setting {name!r} must be one of {', '.join(choices)}")
    return value


def _check_known(name: str, source: str) -> None:
    if name in NAMES:
        return
    near = difflib.get_close_matches(name, NAMES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(NAMES)}"
    raise SettingsError(f"{source}: unknown setting {name!r}{hint}")


def _check(settings: Settings) -> Settings:
    url = settings.broker_url
    if not url.startswith(("sqlite:///", "kafka://")):
        raise SettingsError("setting 'broker' must begin with sqlite:/// or kafka://")
    _check_no_password(settings)
    if settings.partitions < 1 or settings.batch_size < 1:
        raise SettingsError("settings 'partitions' and 'batch_size' must be at least 1")
    if min(settings.mllp_connections, settings.mllp_in_flight, settings.mllp_room, settings.mllp_max_message) < 1:
        limits = "'mllp_connections', 'mllp_in_flight', 'mllp_room' and 'mllp_max_message'"
        raise SettingsError(f"settings {limits} must be at least 1")
    if settings.facts_kept < settings.reissue_until:
        raise SettingsError("setting 'facts_kept' must be at least 'reissue_until': a claim is issued again from facts")
    if settings.place_of_service and not re.fullmatch(r"\d\d", settings.place_of_service):
        raise SettingsError("setting 'place_of_service' must be the two digits of CMS's list, such as 11 or 22")
    if settings.time_zone:
        try:
            ZoneInfo(settings.time_zone)
        except (KeyError, ValueError, OSError):
            raise SettingsError("setting 'time_zone' must be an IANA name such as America/Chicago") from None
    return settings


def _check_no_password(settings: Settings) -> None:
    """A password stands in a file of its own: no setting, process list or settings page may show it."""
    for name, instead in (("broker", "kafka_password_file"), ("redis", "redis_password_file")):
        try:
            url = urlsplit(getattr(settings, name))
            holds_one = url.password is not None or "password" in parse_qs(url.query)
        except ValueError:
            raise SettingsError(f"setting {name!r} is not a URL") from None
        if holds_one:
            raise SettingsError(f"setting {name!r} holds a password: put it into a file and name that as {instead!r}")


def load_settings(
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
    given: Mapping[str, object] | None = None,
) -> tuple[Settings, dict[str, str]]:
    """Settings and, by name, where each that is not a default came from.

    Later wins: the file (`config`, else $DRIPCODE_CONFIG), the environment DRIPCODE_<NAME>, `given` (options of a
    command). Raises SettingsError.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}

    def take(name: str, value: object, source: str) -> None:
        _check_known(name, source)
        values[name] = _value(name, value, source)
        sources[name] = source

    path = config or (Path(environment["DRIPCODE_CONFIG"]) if environment.get("DRIPCODE_CONFIG") else None)
    if path:
        for name, value in _read_file(path).items():
            take(name, value, str(path))
    for variable, text in environment.items():
        if variable.startswith("DRIPCODE_") and variable not in NOT_SETTINGS:
            take(variable.removeprefix("DRIPCODE_").lower(), text, f"environment variable {variable}")
    for name, option in (given or {}).items():
        if option is not None:
            take(name, option, "command line")
    return _check(Settings(**values)), sources


# Variables of the project that say something to its tests or choose the file, not a setting of the product.
NOT_SETTINGS = frozenset(
    {
        "DRIPCODE_CONFIG",
        "DRIPCODE_SHARED",
        "DRIPCODE_REQUIRE_SERVERS",
        "DRIPCODE_KAFKA_LIBS",
        "DRIPCODE_INSTALL",
    }
)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as wrong:
        raise SettingsError(f"{path}: cannot be read: {wrong.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"{path}: is not TOML: {wrong}") from None


def cannot_listen(name: str, address: str, wrong: OSError) -> SettingsError:
    """The error of an address that cannot be listened on."""
    return SettingsError(f"setting {name!r}: {address} cannot be listened on: {os.strerror(wrong.errno or 0)}")


def split_address(text: str, name: str) -> tuple[str, int]:
    """HOST and PORT of HOST:PORT. Raises SettingsError naming the setting."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise SettingsError(f"setting {name!r} must be HOST:PORT, such as 127.0.0.1:2575")
    return host.strip("[]") or "127.0.0.1", int(port)
