"""Who comes in, what each role sees, what is refused, and what the audit says of it."""

from __future__ import annotations

import asyncio
import json
import ssl
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from streams.appenders import appender_of
from streams.read_model import shown
from streams.read_model.shelf import Changes
from streams.read_model.sqlite_shelf import SqliteShelf
from streams.reading import reader_of
from streams.records import decode_command
from streams.settings import Settings, SettingsError
from streams.topics import topics_of
from streams.web import people
from streams.web.app import is_loopback, serve_pages
from streams.web.metrics import WebMetrics
from streams.web.people import People, hashed
from tests.servers.certificates import Authority
from tests.servers.ports import free_port
from tests.streams.web.conftest import aside

PASSWORD = "synthetic and long enough"
HASHED = hashed(PASSWORD)
PEOPLE = "".join(
    f'[{name}]\npassword = "{HASHED}"\nrole = "{role}"\n' for name, role in (("ana", "analyst"), ("olu", "operator"))
)
GIVEN = {
    "administration_id": "O1:1",
    "drug": {"code": "SYN1", "name": "synthetic drug"},
    "runs": [{"start": "2026-03-02T08:00:00-05:00", "stop": None}],
    "method": "infusion",
}
SNAPSHOT = {
    "patient_id": "SYN1",
    "patient_id_authority": "SYNTH",
    "setting": "facility",
    "arrived_at": None,
    "departed_at": None,
    "administrations": [GIVEN],
}
FINDING = {
    "finding_id": "f1",
    "kind": "NO_STOP",
    "severity": "hold",
    "encounter_id": "SYN-1",
    "administration_ids": ["O1:1"],
    "message_control_ids": ["C1"],
    "text": "no stop",
    "codes_at_stake": [],
    "opened_at": "2026-03-02T12:00:00+00:00",
    "resolved_at": None,
}


class Pages:
    """A served site with one encounter, and whoever asks it."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, address: str) -> None:
        self.settings, self.session, self.address = settings, session, address

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Status, place of a redirection, text."""
        async with self.session.get(self.address + path, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def post(self, path: str, form: dict[str, str], **headers: str) -> tuple[int, str, str]:
        async with self.session.post(self.address + path, data=form, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def sign_in(self, name: str, password: str = PASSWORD) -> int:
        status, _, _ = await self.post("/sign-in", {"name": name, "password": password})
        return status

    def audit(self) -> list[dict[str, Any]]:
        path = self.settings.data_dir / "audit.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    async def commands(self) -> list[Any]:
        async with reader_of(self.settings) as reader:
            return [
                decode_command(record.value or b"") for record in await reader.new(topics_of(self.settings).commands)
            ]


@asynccontextmanager
async def pages(folder: Path, *, login: bool, authority: Authority | None = None) -> AsyncIterator[Pages]:
    port = free_port()
    more: dict[str, Any] = {}
    if login:
        (folder / "people.toml").write_text(PEOPLE)
        more["web_people"] = str(folder / "people.toml")
    if authority is not None:
        ours = authority.issue("pages", ["127.0.0.1", "localhost"])
        more |= {"web_tls_certificate": ours.certificate, "web_tls_key": ours.key}
    settings = Settings(data_dir=folder, partitions=2, web_listen=f"127.0.0.1:{port}", **more)
    shelf, appender = SqliteShelf(folder / "pages.db"), appender_of(settings)
    encounter = shown.EncounterShown("SYN-1", encounter=msgspec.Raw(json.dumps(SNAPSHOT).encode()))
    encounter.findings["f1"] = FINDING
    changes = Changes()
    changes.put(shown.ENCOUNTER, "SYN-1", shown.encode(encounter))
    await shelf.write(changes)
    await appender.start()
    runner = await serve_pages(settings, shelf, appender, WebMetrics())
    trust = ssl.create_default_context(cafile=authority.file) if authority else True
    jar = aiohttp.CookieJar(unsafe=True)  # of addresses too
    try:
        async with aiohttp.ClientSession(cookie_jar=jar, connector=aiohttp.TCPConnector(ssl=trust)) as session:
            yield Pages(settings, session, f"{'https' if authority else 'http'}://127.0.0.1:{port}")
    finally:
        await runner.cleanup()
        await appender.stop()
        await shelf.close()


Story = Callable[[Pages], Awaitable[None]]


def play(folder: Path, story: Story, *, login: bool = True, authority: Authority | None = None) -> None:
    async def run() -> None:
        async with pages(folder, login=login, authority=authority) as site:
            await story(site)

    aside(lambda: asyncio.run(run()))


PATHS = ("/", "/queue", "/encounters/SYN-1", "/lines", "/lines.csv", "/find?id=SYN-1")


def test_nobody_sees_anything_before_signing_in(tmp_path: Path) -> None:
    async def story(site: Pages) -> None:
        for path in (*PATHS, "/encounters/SYN-1?part=1", "/nothing"):
            assert (await site.get(path))[:2] == (303, "/sign-in")
        status, _, _ = await site.post("/encounters/SYN-1", {"finding_id": "f1", "why": "no"})
        assert status == 303
        assert await site.commands() == []
        assert (await site.get("/sign-in"))[0] == 200
        assert (await site.get("/static/pages.css"))[0] == 200

    play(tmp_path, story)


def test_an_analyst_sees_patients_and_an_operator_figures(tmp_path: Path) -> None:
    async def story(site: Pages) -> None:
        assert await site.sign_in("ana") == 303
        assert [(await site.get(path))[0] for path in PATHS] == [200, 200, 200, 200, 200, 303]
        assert (await site.post("/sign-out", {}))[1] == "/sign-in"
        assert (await site.get("/queue"))[1] == "/sign-in"
        assert await site.sign_in("olu") == 303
        status, _, text = await site.get("/")
        assert (status, "/queue" in text, "SYN-1" in text) == (200, False, False)
        for path in PATHS[1:]:
            status, _, text = await site.get(path)
            assert (status, "SYN-1" in text) == (403, False), path
        assert (await site.post("/encounters/SYN-1", {"finding_id": "f1", "why": "no"}))[0] == 403
        assert await site.commands() == []

    play(tmp_path, story)


def test_the_audit_says_who_looked_decided_and_was_refused(tmp_path: Path) -> None:
    async def story(site: Pages) -> None:
        await site.sign_in("ana", "wrong")
        await site.sign_in("ana")
        await site.get("/encounters/SYN-1")
        for _ in range(3):
            await site.get("/encounters/SYN-1?part=1")  # the page renews itself: one look
        await site.get("/queue")
        await site.get("/lines")
        await site.get("/lines.csv?code=96365")
        await site.post("/encounters/SYN-1", {"finding_id": "f1", "why": "seen", "who": "somebody else"})
        await site.post("/sign-out", {})
        await site.sign_in("olu")
        await site.get("/encounters/SYN-1")
        said = [(one["who"], one["did"], one.get("encounter_id", "")) for one in site.audit()]
        assert said == [
            ("ana", "was refused", ""),
            ("ana", "signed in", ""),
            ("ana", "looked", "SYN-1"),
            ("ana", "looked at the work queue", ""),
            ("ana", "looked at claim lines", ""),
            ("ana", "exported claim lines", ""),
            ("ana", "resolved a finding", "SYN-1"),
            ("ana", "signed out", ""),
            ("olu", "signed in", ""),
            ("olu", "was kept from", ""),
        ]
        assert site.audit()[5]["code"] == "96365"
        path = site.settings.data_dir / "audit.log"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert PASSWORD not in path.read_text()

    play(tmp_path, story)


def test_a_renewal_alone_is_a_look_too(tmp_path: Path) -> None:
    async def story(site: Pages) -> None:
        await site.get("/encounters/SYN-1?part=1")
        assert [one["did"] for one in site.audit()] == ["looked"]

    play(tmp_path, story, login=False)


def test_what_is_decided_is_a_command_with_who_and_why(tmp_path: Path) -> None:
    async def story(site: Pages) -> None:
        await site.sign_in("ana")
        form = {"administration_id": "O1:1", "stop": "2026-03-02T09:30", "why": "flow sheet", "who": "not ana"}
        status, place, _ = await site.post("/encounters/SYN-1", form)
        assert (status, place.split("?")[0]) == (303, "/encounters/SYN-1")
        (command,) = await site.commands()
        assert (command.command, command.who, command.why) == ("document", "ana", "flow sheet")
        assert (command.patient, command.encounter_id) == ("SYNTH|SYN1", "SYN-1")
        assert command.stop.isoformat() == "2026-03-02T09:30:00-05:00"  # by the chart's own offset

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"administration_id": "O1:1", "stop": "2026-03-02T07:59", "why": "x"}, "later than the start"),
        ({"administration_id": "O1:1", "stop": "soon", "why": "x"}, "a date and a time"),
        ({"administration_id": "O9:1", "stop": "2026-03-02T09:30", "why": "x"}, "no administration with a start"),
        ({"administration_id": "O1:1", "stop": "2026-03-02T09:30", "why": " "}, "who you are and why"),
        ({"why": "x"}, "Nothing was filled in"),
    ],
)
def test_what_cannot_be_is_told_and_changes_nothing(tmp_path: Path, form: dict[str, str], says: str) -> None:
    async def story(site: Pages) -> None:
        await site.sign_in("ana")
        status, _, text = await site.post("/encounters/SYN-1", form)
        assert (status, says in text) == (400, True)
        assert await site.commands() == []

    play(tmp_path, story)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1.evil.example"])
@pytest.mark.parametrize("login", [True, False])
def test_a_form_of_another_site_changes_nothing(tmp_path: Path, origin: str, login: bool) -> None:
    async def story(site: Pages) -> None:
        if login:
            await site.sign_in("ana")
        form = {"finding_id": "f1", "why": "x", "who": "x"}
        for path in ("/encounters/SYN-1", "/sign-in", "/sign-out"):
            assert (await site.post(path, form, Origin=origin))[0] == 403
        assert await site.commands() == []
        assert (await site.post("/encounters/SYN-1", form, Origin=site.address))[0] == 303
        assert len(await site.commands()) == 1

    play(tmp_path, story, login=login)


def test_without_a_login_another_name_for_this_machine_shows_nothing(tmp_path: Path) -> None:
    async def story(site: Pages) -> None:
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.0.2.1"):
            status, _, text = await site.get("/encounters/SYN-1", Host=host)
            assert (status, "synthetic drug" in text) == (403, False)
        for host in ("localhost", "127.0.0.1:8080", "[::1]:8080"):
            assert (await site.get("/encounters/SYN-1", Host=host))[0] == 200

    play(tmp_path, story, login=False)


def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(tmp_path: Path) -> None:
    async def story(site: Pages) -> None:
        form = {"name": "ana", "password": PASSWORD}
        async with site.session.post(site.address + "/sign-in", data=form, allow_redirects=False) as answer:
            cookie = answer.headers["Set-Cookie"]
        for part in ("HttpOnly", "SameSite=Strict", "Secure"):
            assert part in cookie
        assert (await site.get("/queue"))[0] == 200

    play(tmp_path, story, authority=Authority(tmp_path))


def test_over_tls_only_its_own_authority_is_believed(tmp_path: Path) -> None:
    other = Authority(tmp_path, "Another CA")

    async def story(site: Pages) -> None:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            async with site.session.get(site.address + "/sign-in", ssl=ssl.create_default_context(cafile=other.file)):
                pass
        assert (await site.get("/sign-in"))[0] == 200
        with pytest.raises(aiohttp.ClientError):
            async with site.session.get(site.address.replace("https", "http") + "/sign-in"):
                pass

    play(tmp_path, story, authority=Authority(tmp_path))


def test_a_session_ends_by_rest_and_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(people.time, "monotonic", lambda: now[0])
    known = People({"ana": (people.Person("ana", "analyst"), HASHED)})
    token = known.sign_in("ana", PASSWORD)
    now[0] += people.IDLE_SECONDS - 1
    assert known.signed_in(token, is_active=False) is not None
    now[0] += 2
    assert known.signed_in(token) is None, "a page that renews itself kept somebody signed in"
    token, began = known.sign_in("ana", PASSWORD), now[0]
    while known.signed_in(token):
        now[0] += people.IDLE_SECONDS / 2
    assert people.SESSION_SECONDS < now[0] - began <= people.SESSION_SECONDS + people.IDLE_SECONDS
    assert known.signed_in("") is None


def test_who_guesses_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(people.time, "monotonic", lambda: now[0])
    known = People({"ana": (people.Person("ana", "analyst"), HASHED)})
    for _ in range(5):
        assert known.sign_in("ana", "guess") == ""
    assert known.sign_in("ana", PASSWORD) == "", "the right password at once after five wrong ones"
    now[0] += 61
    assert known.sign_in("ana", PASSWORD)
    assert known.sign_in("nobody", PASSWORD) == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "pages.hospital.example"])
def test_without_a_login_the_pages_are_served_to_this_machine_alone(tmp_path: Path, host: str) -> None:
    assert not is_loopback(host)
    listen = f"[{host}]:1" if ":" in host else f"{host}:1"
    settings = Settings(data_dir=tmp_path, web_listen=listen)

    async def serve() -> None:
        shelf = SqliteShelf(tmp_path / "pages.db")
        try:
            await serve_pages(settings, shelf, appender_of(settings), WebMetrics())
        finally:
            await shelf.close()

    with pytest.raises(SettingsError, match="the pages need a login"):
        aside(lambda: asyncio.run(serve()))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names nobody"),
        ("[ana", "is not TOML"),
        ('[ana]\npassword = "plain"\nrole = "analyst"\n', "dripcode web --hash"),
        (f'[ana]\npassword = "{HASHED}"\nrole = "chief"\n', "role must be one of"),
    ],
)
def test_a_wrong_file_of_people_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "people.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=says):
        People.read(path)
