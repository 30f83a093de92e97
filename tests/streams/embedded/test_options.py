"""The broker's address and its options."""

from pathlib import Path

import pytest
from faust.utils.urls import urllist
from yarl import URL

from streams.embedded import BadBrokerUrl, Options, broker_url
from streams.embedded.options import broker_file, options_from


@pytest.mark.parametrize("name", ["broker.db", "a folder, with; commas/100% of it?.db", "grün/b#1.db"])
def test_an_address_leads_back_to_the_file_also_through_faust(tmp_path: Path, name: str) -> None:
    (parsed,) = urllist(broker_url(tmp_path / name, synchronous="full", poll_ms=20))
    assert options_from(parsed) == Options(tmp_path / name, synchronous="full", poll_ms=20)


def test_a_path_is_absolute_whether_written_with_three_slashes_or_four() -> None:
    assert broker_file("sqlite:///var/lib/broker.db") == Path("/var/lib/broker.db")
    assert broker_file("sqlite:////var/lib/broker.db?poll_ms=5") == Path("/var/lib/broker.db")


def test_a_relative_path_is_taken_from_the_present_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert broker_file(broker_url("data/broker.db")) == tmp_path / "data" / "broker.db"


def test_options_have_defaults_and_units() -> None:
    options = options_from(URL("sqlite:///b.db?retention_days=30&retention_mb=2"))
    assert (options.synchronous, options.poll_ms) == ("normal", 5)
    assert options.retention_ms == 30 * 24 * 3600 * 1000
    assert options.bytes_max == 2 * 1024 * 1024
    assert options_from(URL("sqlite:///b.db")).retention_ms is None


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("sqlite://dir/broker.db", "three slashes"),
        ("sqlite:///", "name of a file"),
        ("sqlite:///dir/", "name of a file"),
        ("sqlite:///b.db?pol_ms=5", "unknown option pol_ms; known are synchronous, poll_ms"),
        ("sqlite:///b.db?poll_ms=fast", "poll_ms is a whole number"),
        ("sqlite:///b.db?synchronous=off", "full or normal"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(url: str, complaint: str) -> None:
    with pytest.raises(BadBrokerUrl, match=complaint):
        options_from(URL(url))
