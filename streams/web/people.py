"""Who may see the pages: a TOML file of people with hashed passwords and roles, and their sessions."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from streams.settings import SettingsError

ROLES = ("operator", "analyst")  # operators see figures only; analysts see encounters and decide
SESSION_SECONDS = 8 * 3600.0
IDLE_SECONDS = 1800.0  # whoever asks for no page for so long is signed out (45 CFR 164.312(a)(2)(iii))
_TRIES = 5  # wrong passwords of one name before it must wait
_WAIT_SECONDS = 60.0
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the pages."""

    name: str
    role: str

    @property
    def may_see_patients(self) -> bool:
        return self.role == "analyst"


LOCAL = Person("", "analyst")  # on loopback without a login: whoever sits at this machine


def hashed(password: str) -> str:
    """A password as the file of people keeps it."""
    salt = secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${_digest(password, salt).hex()}"


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)


_NOBODY = hashed(secrets.token_hex(16))  # compared with for unknown names, so that they take as long


@dataclass(slots=True)
class _Session:
    """Times of `time.monotonic()`."""

    person: Person
    until: float
    active_at: float

    def is_over(self, now: float) -> bool:
        return now > self.until or now > self.active_at + IDLE_SECONDS


@dataclass(slots=True)
class People:
    """The people of the file and who is signed in."""

    known: Mapping[str, tuple[Person, str]]
    _sessions: dict[str, _Session] = field(default_factory=dict)
    _wrong: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> People:
        """Read `[NAME] password = "scrypt$…", role = "analyst"`. Raises SettingsError."""
        try:
            found = tomllib.loads(path.read_text())
        except OSError as wrong:
            raise SettingsError(f"setting 'web_people': {path}: cannot be read: {wrong.strerror}") from None
        except tomllib.TOMLDecodeError as wrong:
            raise SettingsError(f"setting 'web_people': {path}: is not TOML: {wrong}") from None
        known = {}
        for name, entry in found.items():
            if not isinstance(entry, dict) or not str(entry.get("password", "")).startswith("scrypt$"):
                raise SettingsError(f"{path}: [{name}] needs a password made by `dripcode web --hash`")
            if entry.get("role") not in ROLES:
                raise SettingsError(f"{path}: [{name}] role must be one of {', '.join(ROLES)}")
            known[name] = Person(name, entry["role"]), entry["password"]
        if not known:
            raise SettingsError(f"{path}: names nobody; add [NAME] with password and role")
        return cls(known)

    def sign_in(self, name: str, password: str) -> str:
        """A session's token; "" when name and password do not fit, or too many did not of late."""
        now = time.monotonic()
        self._wrong = {one: at for one, at in self._wrong.items() if now - at[-1] < _WAIT_SECONDS}
        wrong = [at for at in self._wrong.get(name, ()) if now - at < _WAIT_SECONDS]
        person, kept = self.known.get(name, (None, _NOBODY))
        _, salt, digest = kept.split("$")
        fits = hmac.compare_digest(_digest(password, bytes.fromhex(salt)).hex(), digest)
        if person is None or not fits or len(wrong) >= _TRIES:
            self._wrong[name] = [*wrong, now]
            return ""
        self._sessions = {key: session for key, session in self._sessions.items() if not session.is_over(now)}
        token = secrets.token_urlsafe(32)
        self._sessions[token] = _Session(person, now + SESSION_SECONDS, now)
        return token

    def signed_in(self, token: str, *, is_active: bool = True) -> Person | None:
        """Whose session it is, if it still stands; `is_active`: the person asked, not a page that renews itself."""
        session, now = self._sessions.get(token), time.monotonic()
        if session is None or session.is_over(now):
            self._sessions.pop(token, None)
            return None
        if is_active:
            session.active_at = now
        return session.person

    def sign_out(self, token: str) -> None:
        self._sessions.pop(token, None)
