"""TLS on the listener: who comes in, who does not and what is said of it, and certificates that change."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from streams.mllp import frame
from streams.mllp_client import MllpClient, NoAnswer, Patience, send_all
from streams.settings import SettingsError
from streams.tls import ListenerTls, client_context
from tests.servers.certificates import Authority, Identity
from tests.streams.gateway import Gateway, gateway, message, msa, settings_in
from tests.waiting import PATIENCE, wait_beside

HOSTS = ["localhost", "127.0.0.1"]


class Site:
    """A CA with a listener's and a sender's certificate, and a CA that nobody here knows."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.stranger = Authority(folder, "Other CA")
        self.listener = self.authority.issue("listener", HOSTS, days=90)
        self.sender = self.authority.issue("engine-1")
        self.settings = {
            "mllp_tls_certificate": self.listener.certificate,
            "mllp_tls_key": self.listener.key,
            "mllp_tls_client_ca": self.authority.file,
        }

    def context(self, identity: Identity | None) -> ssl.SSLContext:
        shown = (identity.certificate, identity.key) if identity else ()
        return client_context(self.authority.file, *shown)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def serve(folder: Path, settings: dict[str, str], talk: Callable[[Gateway], Awaitable[None]]) -> None:
    async def run() -> None:
        async with gateway(settings_in(folder / "data", **settings)) as running, asyncio.timeout(PATIENCE):
            await talk(running)

    asyncio.run(run())


async def is_refused(running: Gateway, context: ssl.SSLContext) -> bool:
    """Whether a connection with this context gets no answer, whenever it is that the sender learns it."""
    try:
        async with running.peer(context) as peer:
            await peer.tell(message(1))
    except (OSError, asyncio.IncompleteReadError):
        return running.stored() == []
    return False


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.partition(" refused: ")[2] for line in caplog.messages if " refused: " in line]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_sender_with_a_certificate_of_the_ca_is_served(tmp_path: Path, site: Site, version: ssl.TLSVersion) -> None:
    async def talk(running: Gateway) -> None:
        context = site.context(site.sender)
        context.minimum_version = context.maximum_version = version
        async with running.peer(context) as peer:
            assert msa(await peer.tell(message(1))) == b"AA|C1"
            large = message(2) + b"NTE|1||" + b"x" * 3_000_000 + b"\r"
            assert msa(await peer.tell(large)) == b"AA|C2"
            peer.write(b"".join(frame(message(number)) for number in range(3, 60)))
            assert [msa(await peer.answer()) for _ in range(3, 60)] == [b"AA|C%d" % n for n in range(3, 60)]
        assert len(running.stored()) == 59

    serve(tmp_path, site.settings, talk)


def test_a_sender_without_a_certificate_is_refused_by_name(
    tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(running: Gateway) -> None:
        assert await is_refused(running, site.context(None))
        assert running.count("refused_total", reason="tls_no_certificate") == 1

    serve(tmp_path, site.settings, talk)
    assert refusals(caplog) == ["it showed no certificate, and mllp_tls_client_ca asks for one"]


@pytest.mark.parametrize(("days", "of"), [(30, "stranger"), (-1, "authority")], ids=["other CA", "ended"])
def test_a_sender_with_a_certificate_that_does_not_hold_is_refused_by_name(
    tmp_path: Path, site: Site, days: int, of: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(running: Gateway) -> None:
        wrong = getattr(site, of).issue("engine-1", days=days, file="wrong")
        assert await is_refused(running, site.context(wrong))
        assert running.count("refused_total", reason="tls_untrusted") == 1

    serve(tmp_path, site.settings, talk)
    [told] = refusals(caplog)
    assert told.startswith("its certificate is not trusted: ")
    assert ("expired" in told) == (days < 0)


def test_plain_mllp_to_the_tls_port_is_refused_by_name(
    tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(running: Gateway) -> None:
        async with running.peer() as peer:
            peer.write(frame(message(1)))
            rest = await peer.reader.read()
            assert b"MSA" not in rest
        assert running.count("refused_total", reason="tls_plaintext") == 1
        assert running.stored() == []
        async with running.peer(site.context(site.sender)) as peer:
            assert msa(await peer.tell(message(1))) == b"AA|C1"

    serve(tmp_path, site.settings, talk)
    assert refusals(caplog) == ["it does not speak TLS; a sender set to plain MLLP?"]
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_a_peer_that_says_nothing_holds_no_place_for_long(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.listener._HANDSHAKE_SECONDS", 0.3)

    async def talk(running: Gateway) -> None:
        async with running.peer() as peer:
            assert await peer.is_closed()
        assert running.count("refused_total", reason="tls_slow") == 1
        assert running.count("connections") == 0

    serve(tmp_path, site.settings, talk)


def test_old_tls_is_refused_by_name(tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    async def talk(running: Gateway) -> None:
        context = site.context(site.sender)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await is_refused(running, context)

    serve(tmp_path, site.settings | {"mllp_tls_minimum": "1.3"}, talk)
    assert refusals(caplog) == ["no version or cipher of TLS in common; see mllp_tls_minimum"]


def test_a_list_of_names_lets_in_those_alone(tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    async def talk(running: Gateway) -> None:
        other = site.authority.issue("engine-3", ["engine-2.example"])
        async with running.peer(site.context(other)) as peer:
            assert msa(await peer.tell(message(1))) == b"AA|C1"
        async with running.peer(site.context(site.sender)) as peer:
            assert await peer.is_closed()
        assert running.count("refused_total", reason="tls_name") == 1

    serve(tmp_path, site.settings | {"mllp_tls_client_names": "engine-7, engine-2.example"}, talk)
    assert refusals(caplog) == ["engine-1 is not in mllp_tls_client_names"]


def test_without_a_client_ca_any_sender_is_served(tmp_path: Path, site: Site) -> None:
    async def talk(running: Gateway) -> None:
        async with running.peer(site.context(None)) as peer:
            assert msa(await peer.tell(message(1))) == b"AA|C1"

    serve(tmp_path, site.settings | {"mllp_tls_client_ca": ""}, talk)


def test_a_new_certificate_is_shown_to_the_next_connection_and_the_old_one_goes_on(tmp_path: Path, site: Site) -> None:
    async def talk(running: Gateway) -> None:
        context = site.context(site.sender)
        async with running.peer(context) as before:
            await before.tell(message(1))
            new = site.authority.issue("renewed", HOSTS)
            os.replace(new.key, site.listener.key)
            os.replace(new.certificate, site.listener.certificate)
            async with running.peer(context) as after:
                assert msa(await after.tell(message(2))) == b"AA|C2"
                assert ("commonName", "renewed") in after.writer.get_extra_info("peercert")["subject"][0]
            assert msa(await before.tell(message(3))) == b"AA|C3"

    serve(tmp_path, site.settings, talk)


def test_a_file_that_cannot_be_used_leaves_the_former_certificate_in_force(
    tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(running: Gateway) -> None:
        context = site.context(site.sender)
        Path(site.listener.certificate).write_text("half a certificate")
        for number in range(3):
            async with running.peer(context) as peer:
                await peer.tell(message(number))

    serve(tmp_path, site.settings, talk)
    assert len([line for line in caplog.messages if "the former ones stay in force" in line]) == 1


@pytest.mark.parametrize(("days", "told"), [(90, None), (20, "ends in 20 days"), (-3, "has ended")])
def test_a_certificate_that_ends_soon_is_told(
    tmp_path: Path, site: Site, days: int, told: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    shown = site.authority.issue("soon", HOSTS, days=days)
    settings = settings_in(tmp_path, mllp_tls_certificate=shown.certificate, mllp_tls_key=shown.key)
    tls = ListenerTls.of(settings)
    assert tls is not None
    assert abs(tls.expires - time.time() - days * 86400) < 60
    assert [line.partition("certificate ")[2] for line in caplog.messages] == ([told] if told else [])


def test_an_encrypted_key_needs_its_password_from_a_file(tmp_path: Path, site: Site) -> None:
    locked = site.authority.issue("locked", HOSTS, password="synthetic")
    settings = {"mllp_tls_certificate": locked.certificate, "mllp_tls_key": locked.key}
    with pytest.raises(SettingsError, match="encrypted"):
        ListenerTls.of(settings_in(tmp_path, **settings))
    password = tmp_path / "password"
    password.write_text("synthetic\n")
    assert ListenerTls.of(settings_in(tmp_path, mllp_tls_key_password_file=str(password), **settings))
    password.write_text("another\n")
    with pytest.raises(SettingsError, match="cannot be used"):
        ListenerTls.of(settings_in(tmp_path, mllp_tls_key_password_file=str(password), **settings))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mllp_tls_certificate": "absent.pem"}, "cannot be read"),
        ({"mllp_tls_client_ca": "absent.pem"}, "cannot be read"),
        ({"mllp_tls_certificate": ""}, "needs 'mllp_tls_certificate'"),
        ({"mllp_tls_key": "OTHER"}, "cannot be used"),
    ],
)
def test_files_that_cannot_be_used_are_named_at_the_start(
    tmp_path: Path, site: Site, changes: dict[str, str], told: str
) -> None:
    given = site.settings | {name: site.sender.key if value == "OTHER" else value for name, value in changes.items()}
    with pytest.raises(SettingsError, match=told):
        ListenerTls.of(settings_in(tmp_path, **given))


# -- the sender's side


def test_the_projects_own_sender_speaks_tls(tmp_path: Path, site: Site) -> None:
    async def talk(running: Gateway) -> None:
        messages = [message(number, pid=f"SYN{number % 5}^^^SYNTH^MR") for number in range(60)]
        report = await send_all(messages, "127.0.0.1", running.port, connections=3, tls=site.context(site.sender))
        assert report.is_complete
        assert sorted(running.stored()) == sorted(messages)

    serve(tmp_path, site.settings, talk)


@pytest.mark.parametrize("identity", ["none", "wrong", "right"])
def test_the_sender_notices_at_once_whether_its_certificate_is_refused(
    tmp_path: Path, site: Site, identity: str
) -> None:
    async def talk(running: Gateway) -> None:
        shown = {
            "none": None,
            "wrong": site.stranger.issue("engine-1", file="wrong"),
            "right": site.sender,
        }[identity]
        client = MllpClient("127.0.0.1", running.port, tls=site.context(shown))
        async with client:
            await client.connect()
            assert await client.is_let_in() == (identity == "right")
            if identity == "right":
                assert b"MSA|AA|C1" in await client.send(message(1))

    serve(tmp_path, site.settings, talk)


def test_the_sender_does_not_talk_to_a_listener_that_it_cannot_trust(tmp_path: Path, site: Site) -> None:
    async def talk(running: Gateway) -> None:
        context = client_context(site.stranger.file, site.sender.certificate, site.sender.key)
        client = MllpClient("127.0.0.1", running.port, Patience(message=25.0), context)
        async with client, asyncio.timeout(PATIENCE):
            with pytest.raises(NoAnswer, match="verify failed"):
                await client.send(message(1))

    serve(tmp_path, site.settings, talk)


def test_a_sender_that_does_not_trust_the_listener_is_named(
    tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    def connect(port: int) -> None:
        context = client_context(site.stranger.file)
        with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(plain, server_hostname="localhost")

    async def talk(running: Gateway) -> None:
        await asyncio.to_thread(connect, running.port)
        await wait_beside(lambda: running.count("refused_total", reason="tls_rejected"), "the refusal is counted")

    serve(tmp_path, site.settings, talk)
    assert refusals(caplog) == ["it rejects our certificate: tlsv1 alert unknown ca"]
