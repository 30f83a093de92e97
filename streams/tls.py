"""TLS for MLLP: the listener's certificate, who may come in, and why somebody did not."""

from __future__ import annotations

import contextlib
import logging
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.settings import Settings, SettingsError

log = logging.getLogger("dripcode.listener")

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
# What OpenSSL calls the failures that a person can do something about.
_EXPIRES_SOON = 30 * 86400.0
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which the ssl module does not name
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL"})
_OLD_TLS = frozenset({"UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "NO_SHARED_CIPHER", "TLSV1_ALERT_PROTOCOL_VERSION"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a handshake failed: an id for counters, and what to tell a person."""

    reason: str
    told: str


_REFUSALS = (
    (
        {"PEER_DID_NOT_RETURN_A_CERTIFICATE"},
        Refusal("tls_no_certificate", "it showed no certificate, and mllp_tls_client_ca asks for one"),
    ),
    (_NO_TLS, Refusal("tls_plaintext", "it does not speak TLS; a sender set to plain MLLP?")),
    (_OLD_TLS, Refusal("tls_version", "no version or cipher of TLS in common; see mllp_tls_minimum")),
)


class ListenerTls:
    """The listener's side of TLS; `context` is made anew when one of its files has changed.

    A file that is being replaced, or is wrong, leaves the last good context in force and is said once.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError when a file cannot be used."""
        self._settings = settings
        self._files = tuple(
            Path(name)
            for name in (
                settings.mllp_tls_certificate,
                settings.mllp_tls_key,
                settings.mllp_tls_key_password_file,
                settings.mllp_tls_client_ca,
            )
            if name
        )
        self._seen = self._signature()
        self.expires = 0.0  # when the certificate ends, seconds since 1970
        self._context = self._read()
        self._names = frozenset(name.strip() for name in settings.mllp_tls_client_names.split(",") if name.strip())

    @classmethod
    def of(cls, settings: Settings) -> ListenerTls | None:
        """None where the settings name no certificate."""
        if settings.mllp_tls_certificate:
            return cls(settings)
        named = [name for name in ("key", "client_ca", "client_names") if getattr(settings, f"mllp_tls_{name}")]
        if named:
            raise SettingsError(f"setting 'mllp_tls_{named[0]}' needs 'mllp_tls_certificate' beside it")
        return None

    def context(self) -> ssl.SSLContext:
        """The context for a connection that begins now."""
        seen = self._signature()
        if seen != self._seen:
            self._seen = seen
            self.reload()
        return self._context

    def reload(self) -> None:
        """Read the files again."""
        try:
            self._context = self._read()
        except SettingsError as wrong:
            log.error("the TLS files have changed and cannot be used, the former ones stay in force: %s", wrong)
        else:
            log.info("the TLS files were read again")

    def _read(self) -> ssl.SSLContext:
        context = _server_context(self._settings)
        self.expires = _end_of_certificate(self._settings)
        left = self.expires - time.time()
        if left < _EXPIRES_SOON:
            told = f"ends in {left / 86400:.0f} days" if left > 0 else "has ended"
            log.warning("the listener's TLS certificate %s", told)
        return context

    def admits(self, certificate: Mapping[str, Any] | None) -> bool:
        """Whether a peer with this verified certificate (None: it has none) may come in."""
        return not self._names or bool(self._names & set(names_in(certificate)))

    def _signature(self) -> tuple[tuple[int, int, int], ...]:
        found = []
        for path in self._files:
            try:
                stat = path.stat()
            except OSError:
                found.append((0, 0, 0))  # between two versions; reading it will say so
            else:
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(found)


def names_in(certificate: Mapping[str, Any] | None) -> list[str]:
    """The common name and the DNS names of a certificate as `getpeercert` gives it."""
    if not certificate:
        return []
    pairs: Sequence[Any] = certificate.get("subject", ())
    common = [value for part in pairs for name, value in part if name == "commonName"]
    return [*common, *(value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS")]


def _server_context(settings: Settings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.mllp_tls_minimum]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    load_identity(
        context,
        settings.mllp_tls_certificate,
        settings.mllp_tls_key,
        _password(settings.mllp_tls_key_password_file),
        "setting 'mllp_tls_certificate'",
    )
    if settings.mllp_tls_client_ca:
        load_authorities(context, settings.mllp_tls_client_ca, "setting 'mllp_tls_client_ca'")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _end_of_certificate(settings: Settings) -> float:
    """When the listener's certificate ends, seconds since 1970.

    Nothing public reads a certificate of one's own: so we shake hands with ourselves, and look at what was shown.
    """
    name, key = settings.mllp_tls_certificate, settings.mllp_tls_key
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    load_identity(server, name, key, _password(settings.mllp_tls_key_password_file), "setting 'mllp_tls_certificate'")
    client.check_hostname = False
    client.load_verify_locations(name)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for turn in range(6):  # a handshake takes two turns each
        with contextlib.suppress(ssl.SSLWantReadError):
            ends[turn % 2].do_handshake()
    shown = ends[0].getpeercert()
    assert shown is not None
    return float(ssl.cert_time_to_seconds(str(shown["notAfter"])))


def client_context(authorities: str = "", certificate: str = "", key: str = "") -> ssl.SSLContext:
    """A sender's context: trusts `authorities` (PEM file; empty: the machine's), shows `certificate` when asked.

    Raises SettingsError when a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authorities:
        load_authorities(context, authorities, "--ca")
    else:
        context.load_default_certs()
    if certificate:
        load_identity(context, certificate, key, "", "--cert")
    return context


def load_identity(context: ssl.SSLContext, certificate: str, key: str, password: str, what: str) -> None:
    """Load a certificate and its key. Raises SettingsError that begins with `what`."""

    def give() -> str:
        if not password:
            raise SettingsError(f"{what}: the key is encrypted and no password file is named")
        return password

    try:
        context.load_cert_chain(certificate, key or None, give)
    except ssl.SSLError as wrong:
        told = f"{wrong.reason or wrong}".replace("_", " ").lower()
        raise SettingsError(f"{what}: {certificate} and its key cannot be used: {told}") from None
    except OSError as wrong:
        raise SettingsError(f"{what}: {certificate} or its key cannot be read: {wrong.strerror}") from None


def load_authorities(context: ssl.SSLContext, path: str, what: str) -> None:
    """Trust the CAs of a PEM file. Raises SettingsError that begins with `what`."""
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise SettingsError(f"{what}: {path} holds no certificate in PEM") from None
    except OSError as wrong:
        raise SettingsError(f"{what}: {path} cannot be read: {wrong.strerror}") from None


def _password(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"setting 'mllp_tls_key_password_file': {path} cannot be read") from None


def refusal_of(wrong: BaseException) -> Refusal:
    """Why a handshake failed."""
    reason = getattr(wrong, "reason", None) or ""
    said = reason.replace("_", " ").lower() or type(wrong).__name__
    if isinstance(wrong, ssl.SSLCertVerificationError):
        return Refusal("tls_untrusted", f"its certificate is not trusted: {wrong.verify_message}")
    if isinstance(wrong, ConnectionAbortedError):  # asyncio's word for its time-out
        return Refusal("tls_slow", "the handshake did not end in time")
    for reasons, refusal in _REFUSALS:
        if reason in reasons:
            return refusal
    if "ALERT" in reason:
        return Refusal("tls_rejected", f"it rejects our certificate: {said}")
    return Refusal("tls_cut", f"the handshake broke off: {said}")


def is_final(wrong: BaseException) -> bool:
    """Whether trying again is in vain until a person has mended a certificate or a setting."""
    reason = getattr(wrong, "reason", None) or ""
    return isinstance(wrong, ssl.SSLCertVerificationError) or "ALERT" in reason or reason in _NO_TLS | _OLD_TLS
