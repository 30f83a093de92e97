"""How we come in to Kafka: TLS, our certificate, SASL; the same for every client, Faust's and our own."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from streams.settings import Settings, SettingsError
from streams.tls import load_authorities, load_identity

# What aiokafka says of a broker that does not answer stands in our errors; who sets up logging hears it besides.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())

_TLS_ALONE = ("kafka_ca", "kafka_certificate", "kafka_key")
_SASL_ALONE = ("kafka_user", "kafka_password_file")


def kafka_hosts(settings: Settings) -> list[str]:
    """HOST:PORT of each bootstrap broker."""
    return settings.broker_url.removeprefix("kafka://").split(",")


def client_options(settings: Settings) -> dict[str, Any]:
    """What every aiokafka client is made with. Raises SettingsError."""
    check_access(settings)
    options: dict[str, Any] = {"bootstrap_servers": kafka_hosts(settings)}
    if settings.kafka_security == "plaintext":
        return options
    options |= {"security_protocol": settings.kafka_security.upper(), "ssl_context": tls_context(settings)}
    if settings.kafka_security == "sasl_ssl":
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": kafka_password(settings),
        }
    return options


def no_answer(settings: Settings, wrong: KafkaError) -> SettingsError:
    """The error of a broker that does not answer, to be raised."""
    hosts = ", ".join(kafka_hosts(settings))
    return SettingsError(f"setting 'broker': no Kafka broker answers at {hosts} ({type(wrong).__name__})")


@asynccontextmanager
async def connected(client: Any, settings: Settings) -> AsyncIterator[None]:
    """An aiokafka client while it is started. Raises SettingsError when no broker answers it."""
    try:
        try:
            await client.start()
        except KafkaError as wrong:
            raise no_answer(settings, wrong) from None
        yield
    finally:
        await client.stop()


def check_access(settings: Settings) -> None:
    """Raises SettingsError where a setting would be passed over in silence, or one is missing."""
    security = settings.kafka_security
    for names, needed in ((_TLS_ALONE, ("ssl", "sasl_ssl")), (_SASL_ALONE, ("sasl_ssl",))):
        for name in names:
            if getattr(settings, name) and security not in needed:
                raise SettingsError(f"setting {name!r} needs 'kafka_security' {' or '.join(needed)}, not {security}")
    if security == "sasl_ssl" and not (settings.kafka_user and settings.kafka_password_file):
        raise SettingsError("setting 'kafka_security' sasl_ssl needs 'kafka_user' and 'kafka_password_file'")
    if settings.kafka_key and not settings.kafka_certificate:
        raise SettingsError("setting 'kafka_key' needs 'kafka_certificate' beside it")


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Trusts `kafka_ca`, else the machine's authorities; names are always checked. Raises SettingsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.kafka_ca:
        load_authorities(context, settings.kafka_ca, "setting 'kafka_ca'")
    else:
        context.load_default_certs()
    if settings.kafka_certificate:
        certificate, key = settings.kafka_certificate, settings.kafka_key
        load_identity(context, certificate, key, "", "setting 'kafka_certificate'")
    return context


def kafka_password(settings: Settings) -> str:
    """The password of `kafka_user`; it stands in a file, so that no process list or settings page shows it."""
    path = settings.kafka_password_file
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"setting 'kafka_password_file': {path} cannot be read") from None
